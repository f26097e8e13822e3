//! What became of scheduling contexts: pictures of their budgets over time, of their states, and of service against the bound of each window; the same as a
//! table and as JSON.

use lab::plot::{Axis, Bar, COLOURS, Lines, Row, Series, TimeUnit, Timeline};
use lab::report::{Figure, Section, Table};
use sched::Nanos;
use sched::context::Kind;
use serde_json::{Value, json};
use sim::supply::{State, Track};
use sim::{Machine, Maker, Scenario};

/// Periods of the longest context that are drawn one by one.
const PERIODS: u64 = 8;

/// What is told apart in the picture of states.
const STATES: [(State, &str); 5] = [
    (State::Served, "served"),
    (State::Lent, "lent"),
    (State::ByWeight, "used up, by weight"),
    (State::Throttled, "throttled"),
    (State::Waiting, "waits for a CPU"),
];

/// What a context is called: after the kind of thread that it came with, and its number among those.
fn names(scenario: &Scenario, tracks: &[&Track]) -> Vec<String> {
    let name = |maker| match maker {
        Maker::Thread(kind) => scenario.threads[usize::from(kind.0)].name.clone(),
        Maker::Shared(shared) => scenario.contexts[usize::from(shared.0)].name.clone(),
    };
    let makers = tracks.iter().enumerate();
    makers
        .map(|(place, track)| {
            let before = tracks[..place].iter().filter(|other| other.maker == track.maker);
            match before.count() {
                0 => name(track.maker),
                more => format!("{} {}", name(track.maker), more + 1),
            }
        })
        .collect()
}

fn tracks(machine: &Machine) -> Vec<&Track> {
    machine.supply.iter().flat_map(|supply| supply.tracks()).collect()
}

fn throttled(track: &Track, end: Nanos) -> Nanos {
    let spans = track.spans(State::Throttled, end);
    spans.fold(Nanos::ZERO, |sum, (from, to)| sum + to.saturating_sub(from))
}

const fn kind(track: &Track) -> &'static str {
    match track.spec.kind() {
        Kind::Limit => "limit",
        Kind::Reservation => "reservation",
    }
}

/// All of them, for programs.
pub(super) fn as_json(scenario: &Scenario, machine: &Machine) -> Value {
    let tracks = tracks(machine);
    let end = machine.summary().now;
    let all = tracks.iter().zip(names(scenario, &tracks)).map(|(track, name)| {
        json!({
            "name": name, "kind": kind(track), "budget_ns": track.spec.budget().0, "period_ns": track.spec.period().0,
            "deadline_ns": track.spec.deadline().0, "used_ns": track.used.0, "used_up": track.overruns, "missed": track.misses,
            "throttled_ns": throttled(track, end).0, "fullest_window_ns": track.fullest().0,
            "window_bound_ns": track.bound().0, "late_at_most_ns": machine.lateness().0,
        })
    });
    all.collect()
}

/// The section of a report, if there are contexts.
pub(super) fn section(scenario: &Scenario, machine: &Machine, recipe: &str) -> Option<Section> {
    let tracks = tracks(machine);
    if tracks.is_empty() {
        return None;
    }
    let names = names(scenario, &tracks);
    let end = machine.summary().now;
    let longest = tracks
        .iter()
        .map(|track| track.spec.period().0)
        .max()
        .unwrap_or(0);
    let drawn = Nanos(end.0.min(longest.saturating_mul(PERIODS)).max(1));
    let unit = TimeUnit::for_span(drawn.0);
    let part = format!("in the first {:.1} {}", unit.of(drawn.0), unit.name);
    let section = Section::new("Scheduling contexts")
        .table(&table(&tracks, &names, end))
        .figure(&Figure::new(
            budgets(&tracks, &names, drawn, unit),
            format!("What may be used of each budget, {part}: it falls while it is used, by its thread or by a server, and rises when refills come."),
            recipe,
        ))
        .figure(&Figure::new(
            states(&tracks, &names, drawn, unit),
            format!("What the time of each context is at, {part}. Gaps are when nobody wants it."),
            recipe,
        ))
        .figure(&Figure::new(
            windows(&tracks, &names, end),
            format!(
                "Service in the window as long as the period that ends at each moment, as a part of the budget. A limit has at most 100 %, a reservation 200 %: one job at \
                 the end of its time, and the next at the beginning. Beyond that is what one timer was late, here at most {}.",
                lab_nanos(machine.lateness())
            ),
            recipe,
        ));
    Some(section)
}

fn lab_nanos(span: Nanos) -> String {
    let unit = TimeUnit::for_span(span.0);
    format!("{:.1} {}", unit.of(span.0), unit.name)
}

fn table(tracks: &[&Track], names: &[String], end: Nanos) -> Table {
    let head = [
        "context",
        "kind",
        "budget",
        "period",
        "deadline",
        "used",
        "used up",
        "deadlines missed",
        "throttled",
        "fullest window",
        "bound",
    ];
    let mut table = Table::new("Contexts", head);
    for (track, name) in tracks.iter().zip(names) {
        table.row([
            name.clone(),
            kind(track).to_owned(),
            lab_nanos(track.spec.budget()),
            lab_nanos(track.spec.period()),
            lab_nanos(track.spec.deadline()),
            lab_nanos(track.used),
            track.overruns.to_string(),
            track.misses.to_string(),
            lab_nanos(throttled(track, end)),
            lab_nanos(track.fullest()),
            lab_nanos(track.bound()),
        ]);
    }
    table
}

fn budgets(tracks: &[&Track], names: &[String], drawn: Nanos, unit: TimeUnit) -> String {
    let series = tracks.iter().zip(names).take(COLOURS).map(|(track, name)| {
        let mut points = Vec::new();
        for (place, sample) in track.samples.iter().enumerate() {
            if sample.at > drawn {
                break;
            }
            // What is not being used stays as it is until something changes.
            let before = place.checked_sub(1).map(|before| track.samples[before]);
            if let Some(before) = before
                && !matches!(before.state, State::Served | State::Lent)
            {
                points.push((unit.of(sample.at.0), percent(before.remaining, track)));
            }
            points.push((unit.of(sample.at.0), percent(sample.remaining, track)));
        }
        if let Some((_, last)) = points.last().copied() {
            points.push((unit.of(drawn.0), last));
        }
        Series {
            name: name.clone(),
            points,
        }
    });
    Lines {
        title: "Budgets over time".to_owned(),
        x: Axis::linear(format!("time ({})", unit.name)),
        y: Axis::linear("left of the budget (%)"),
        series: series.collect(),
        steps: false,
    }
    .svg()
}

fn states(tracks: &[&Track], names: &[String], drawn: Nanos, unit: TimeUnit) -> String {
    let row = |(track, name): (&&Track, &String)| {
        let bars = STATES.iter().enumerate().flat_map(|(series, (state, called))| {
            let spans = track.spans(*state, drawn);
            spans
                .filter(|(begin, _)| *begin < drawn)
                .map(move |(begin, end)| {
                    let (begin, end) = (unit.of(begin.0), unit.of(end.min(drawn).0));
                    Bar {
                        begin,
                        end,
                        series,
                        hint: format!("{called}: {begin:.3} to {end:.3} {}", unit.name),
                    }
                })
        });
        Row {
            name: name.clone(),
            bars: bars.collect(),
        }
    };
    Timeline {
        title: "What became of each context's time".to_owned(),
        x: Axis::linear(format!("time ({})", unit.name)),
        range: (0.0, unit.of(drawn.0)),
        names: STATES.iter().map(|(_, called)| (*called).to_owned()).collect(),
        rows: tracks.iter().zip(names).map(row).collect(),
    }
    .svg()
}

fn windows(tracks: &[&Track], names: &[String], end: Nanos) -> String {
    let unit = TimeUnit::for_span(end.0);
    let series = tracks
        .iter()
        .zip(names)
        .take(COLOURS)
        .map(|(track, name)| Series {
            name: name.clone(),
            points: track
                .windows()
                .into_iter()
                .map(|(at, served)| (unit.of(at.0), percent(served, track)))
                .collect(),
        });
    let kinds = [Kind::Limit, Kind::Reservation].into_iter();
    let bounds = kinds.filter_map(|kind| {
        let track = tracks.iter().find(|track| track.spec.kind() == kind)?;
        let bound = percent(track.bound(), track);
        Some(Series {
            name: format!("bound of a {}", self::kind(track)),
            points: vec![(0.0, bound), (unit.of(end.0), bound)],
        })
    });
    Lines {
        title: "Service in each window".to_owned(),
        x: Axis::linear(format!("time ({})", unit.name)),
        y: Axis::linear("service within a period (% of the budget)"),
        series: series.chain(bounds).collect(),
        steps: true,
    }
    .svg()
}

fn percent(part: Nanos, track: &Track) -> f64 {
    part.0 as f64 * 100.0 / track.spec.budget().0 as f64
}
