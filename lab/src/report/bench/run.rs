//! What was run: on what, from what, and what is to be held against it.

use super::words::distinct;
use crate::bench::{Clock, Recipe, Row, Rows, System, judge};
use crate::report::page::{Section, Table};

pub(super) fn section(rows: &Rows) -> Section {
    Section::new("What was run")
        .table(&recipe(rows))
        .table(&machines(rows))
        .prose("To be held against these figures:")
        .list(caveats(rows))
}

/// The recipe, key by key; what differs between rows is listed.
fn recipe(rows: &Rows) -> Table {
    let mut table = Table::new("Recipe", ["key", "value"]);
    let recipes: Vec<&Recipe> = rows.all().iter().map(|row| &row.recipe).collect();
    let mut line = |key: &str, of: &dyn Fn(&Recipe) -> String| {
        let values = distinct(recipes.iter().map(|recipe| of(recipe)));
        let values: Vec<String> = values.into_iter().filter(|value| !value.is_empty()).collect();
        if !values.is_empty() {
            table.row([key.to_owned(), values.join("; ")]);
        }
    };
    line("command", &|recipe| recipe.command.clone().unwrap_or_default());
    line("commit", &|recipe| recipe.commit.clone());
    line("began", &|recipe| date(recipe.began));
    line("host", &|recipe| recipe.host.clone());
    line("load at the start", &|recipe| recipe.load.clone());
    line("priority", &|recipe| recipe.priority.clone());
    line("pinning", &|recipe| recipe.pinning.clone());
    line("emulator", &|recipe| match recipe.qemu.as_str() {
        "" => String::new(),
        version => format!("QEMU {version}"),
    });
    line("compiler", &|recipe| recipe.toolchain.clone());
    table
}

/// Seconds since 1970 as a day and a time. The arithmetic of the calendar is from H. Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", section `civil_from_days`.
fn date(seconds: u64) -> String {
    if seconds == 0 {
        return String::new();
    }
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + 400 * era + u64::from(month <= 2);
    let (hour, minute) = (seconds / 3_600 % 24, seconds / 60 % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// Which system ran where.
fn machines(rows: &Rows) -> Table {
    let mut table = Table::new(
        "Machines",
        ["system", "kernel", "accelerator", "machine", "topology", "rows"],
    );
    let place = |row: &Row| {
        (
            row.system,
            row.kernel.clone().unwrap_or_default(),
            row.accelerator.clone().unwrap_or_default(),
            row.machine.clone(),
            row.topology.clone().unwrap_or_default(),
        )
    };
    let mut places = distinct(rows.all().iter().map(place));
    places.sort_by_key(|place| place.0);
    for here in places {
        let there = rows.all().iter().filter(|row| place(row) == here);
        let names = distinct(there.map(|row| row.row.as_str())).join(" ");
        let (system, kernel, accelerator, machine, topology) = here;
        table.row([
            system.name().to_owned(),
            kernel,
            accelerator,
            machine,
            topology,
            names,
        ]);
    }
    table.without_empty_columns()
}

fn caveats(rows: &Rows) -> Vec<String> {
    let any = |test: &dyn Fn(&Row) -> bool| rows.all().iter().any(test);
    let those = |test: &dyn Fn(&Row) -> bool| {
        let names = rows.all().iter().filter(|row| test(row)).map(ToString::to_string);
        distinct(names).join(", ")
    };
    let mut told = Vec::new();
    let mut say = |text: &str| told.push(text.to_owned());
    if any(&|row| row.clock() == Clock::Instructions) {
        say(
            "Instruction counts say how much is executed, not how long it takes: cache misses, mispredicted branches and the price of \
             single instructions are not in them. An iteration of a REP instruction counts as one.",
        );
    }
    if any(&|row| row.clock() == Clock::Wall && row.accelerator.as_deref() != Some("kvm")) {
        say(
            "Wall times under an emulator depend on the host and its load, and are not those of a processor.",
        );
    }
    if any(&|row| row.recipe.quick) {
        say("This was a quick run, with fewer rounds and boots: for a look, not for the record.");
    }
    if any(&|row| row.recipe.commit.ends_with('+')) {
        say("Files differed from the commit that is named (+).");
    }
    if distinct(rows.all().iter().map(|row| row.recipe.commit.as_str())).len() > 1 {
        say(
            "The rows come from more than one commit; what is beside each other was not measured in one run.",
        );
    }
    if any(&|row| row.clock() == Clock::Wall && row.recipe.load.parse::<f64>().is_ok_and(|load| load > 0.5)) {
        say("The host was not idle when the run began; wall times suffer from that.");
    }
    let void = those(&|row| judge::verdict(row) == judge::Verdict::Void);
    if !void.is_empty() {
        say(&format!(
            "Void, as the check of their own work failed or nothing was measured: {void}."
        ));
    }
    if any(&|row| row.system != System::Sundial) {
        let alone = |row: &Row| {
            row.system == System::Sundial
                && System::ALL[1..]
                    .iter()
                    .all(|system| rows.best(row, *system).is_none())
        };
        let alone = distinct(
            rows.all()
                .iter()
                .filter(|row| alone(row))
                .map(|row| row.row.as_str()),
        )
        .join(", ");
        if !alone.is_empty() {
            say(&format!("Without a Linux row beside them: {alone}."));
        }
    } else {
        say("There is no Linux row in this file: nothing here is a comparison with another system.");
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l3_seconds_become_days() {
        assert_eq!(date(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(date(1_795_388_318), "2026-11-22 22:58 UTC");
        assert_eq!(date(0), "");
    }
}
