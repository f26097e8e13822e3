//! The fair policies beside each other.

use super::recipe;
use crate::output::put;
use clap::Args;
use lab::plot::Axis;
use lab::report::{Figure, Page, Section, Table, figures};
use sched::Policy;
use sim::compare::{self, Load, Row};
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct Policies {
    /// The sizes of machines to compare on.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1,2,8,64",
        value_name = "N,N,..",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(sim::input::MOST_CPUS))
    )]
    cpus: Vec<u32>,
    /// Decides everything that is drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write a report with plots: one HTML file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the report's words and tables as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// What a figure shows of each row, and what that is called.
type Measure = (&'static str, fn(&Row) -> Option<f64>);

const BOTH: [Policy; 2] = [Policy::WeightedFair, Policy::Eevdf];

impl Policies {
    pub(super) fn run(self) -> Result<(), String> {
        let mut rows = Vec::new();
        for load in Load::ALL {
            for cpus in &self.cpus {
                for policy in BOTH {
                    eprintln!("{} on {cpus} CPUs, {}", load.name(), policy.name());
                    rows.push(compare::measure(
                        load,
                        *cpus,
                        policy,
                        compare::duration(*cpus),
                        self.seed,
                    ));
                }
            }
        }
        print!("{}", compare::markdown(&rows));
        let page = page(&rows, &self.cpus);
        if let Some(file) = &self.html {
            put(file, &page.html())?;
        }
        if let Some(file) = &self.markdown {
            put(file, &page.markdown())?;
        }
        Ok(())
    }
}

fn page(rows: &[Row], cpus: &[u32]) -> Page {
    let mut page = Page::new("Two fair policies").about(
        "Weighted fair queueing and EEVDF run by the kernel's scheduler core on simulated machines, beside what an ideal \
         machine would have given every thread at every moment (generalised processor sharing).",
    );
    for cpus in cpus {
        let of_size: Vec<&Row> = rows.iter().filter(|row| row.cpus == *cpus).collect();
        let mut section = Section::new(if *cpus == 1 {
            "1 CPU".to_owned()
        } else {
            format!("{cpus} CPUs")
        })
        .table(&table(&of_size));
        let measures: [Measure; 3] = [
            ("most behind the ideal, ms", |row| Some(row.most_behind)),
            ("wake-up latency, 99 of 100, us", |row| {
                row.latency.map(|latency| latency[1])
            }),
            ("switches per second and CPU", |row| Some(row.switches)),
        ];
        for (title, of) in measures {
            let cases: Vec<String> = Load::ALL.map(|load| load.name().to_owned()).to_vec();
            let bars = BOTH.map(|policy| {
                let values = of_size
                    .iter()
                    .filter(|row| row.policy == policy)
                    .map(|row| of(row));
                (policy.name().to_owned(), values.collect())
            });
            let svg = figures::comparison(title, &cases, Axis::linear(title), &bars);
            section = section.figure(&Figure::new(svg, title, recipe()));
        }
        page = page.section(section);
    }
    page
}

fn table(rows: &[&Row]) -> Table {
    let mut table = Table::new(
        "Every load under both policies",
        [
            "load",
            "policy",
            "most behind, ms",
            "most ahead, ms",
            "99 % wake-up, us",
            "switches/s",
        ],
    );
    for row in rows {
        table.row([
            row.load.name().to_owned(),
            row.policy.name().to_owned(),
            format!("{:.2}", row.most_behind),
            format!("{:.2}", row.most_ahead),
            row.latency
                .map_or(String::new(), |latency| format!("{:.0}", latency[1])),
            format!("{:.0}", row.switches),
        ]);
    }
    table
}
