//! The layers of the kernel: a file names what is in its own layer or below, never what is above. So the graph of its modules
//! has no circle that crosses a layer, and each layer can be read, tested and changed without those above. ARCHITECTURE.md
//! draws the picture; this is the table. A new file or folder needs a line here.

#[path = "layers/graph.rs"]
mod graph;

use graph::{Arrow, Graph};
use std::collections::BTreeSet;
use std::path::Path;

/// The layers from below, each with its files and folders. The longest name that fits a file counts.
const LAYERS: [(&str, &[&str]); 6] = [
    (
        "what everything stands on",
        &["booted.rs", "wire.rs", "console.rs", "log", "memory"],
    ),
    ("CPUs, time and tasks", &["run"]),
    ("rings and what ends later", &["ring"]),
    (
        "objects as state",
        &[
            "capability.rs",
            "context",
            "endpoint",
            "pipe",
            "process",
            "terminal",
        ],
    ),
    (
        "services",
        &[
            "call",
            "endpoint/answer.rs",
            "endpoint/call.rs",
            "endpoint/receive.rs",
            "objects",
            "process/spawn.rs",
        ],
    ),
    (
        "the CPU's loop, system calls and boot",
        &[
            "lib.rs",
            "boot.rs",
            "boot",
            "attribution.rs",
            "cpu_loop.rs",
            "ring/dispatch.rs",
        ],
    ),
];

/// The layer that a file is in: the place in the table.
fn layer(file: &str) -> Option<usize> {
    let fits = |place: &str| {
        file.strip_prefix(place)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let layers = LAYERS.iter().enumerate();
    let places = layers.flat_map(|(layer, (_, places))| places.iter().map(move |place| (*place, layer)));
    let fitting = places.filter(|(place, _)| fits(place));
    fitting
        .max_by_key(|(place, _)| place.len())
        .map(|(_, layer)| layer)
}

/// What a file above its layer names, in words.
fn upward(arrows: &BTreeSet<Arrow>) -> Vec<String> {
    let wrong = arrows
        .iter()
        .filter(|arrow| layer(&arrow.from) < layer(&arrow.to));
    let say = |arrow: &Arrow| {
        let name = |file: &str| layer(file).map_or("no layer", |layer| LAYERS[layer].0);
        format!(
            "src/{}:{} ({}) names {} in src/{} ({})",
            arrow.from,
            arrow.line,
            name(&arrow.from),
            arrow.what,
            arrow.to,
            name(&arrow.to)
        )
    };
    wrong.map(say).collect()
}

fn kernel() -> Graph {
    Graph::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

#[test]
fn x8_no_file_names_what_is_in_a_layer_above() {
    let wrong = upward(&kernel().arrows());
    assert!(
        wrong.is_empty(),
        "{} arrows point up:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn x8_every_file_is_in_a_layer_and_every_line_of_the_table_is_a_file() {
    let graph = kernel();
    let nowhere: Vec<&str> = graph.files().filter(|file| layer(file).is_none()).collect();
    assert!(nowhere.is_empty(), "in no layer: {nowhere:?}");
    for place in LAYERS.iter().flat_map(|(_, places)| *places) {
        let folder = format!("{place}/");
        let is_there = graph
            .files()
            .any(|file| file == *place || file.starts_with(&folder));
        assert!(is_there, "{place} is in the table and not in the kernel");
    }
}

#[test]
fn x8_the_kernels_arrows_are_seen() {
    let arrows = kernel().arrows();
    // What everybody may name is named by many; an empty graph would hold any layer.
    let to_wire = arrows.iter().filter(|arrow| arrow.to == "wire.rs").count();
    assert!(
        arrows.len() > 300 && to_wire > 20,
        "{} arrows, {to_wire} to wire.rs",
        arrows.len()
    );
}

mod the_graph {
    use super::*;

    fn arrows(files: &[(&str, &str)]) -> Vec<(String, usize, String, String)> {
        let mut graph = Graph::default();
        for (file, text) in files {
            graph.add(file, text);
        }
        let plain = |arrow: Arrow| (arrow.from, arrow.line, arrow.to, arrow.what);
        graph.arrows().into_iter().map(plain).collect()
    }

    /// A crate of three files and a root.
    fn of_user(text: &str) -> Vec<(usize, String, String)> {
        let files = [
            ("lib.rs", "mod low; mod high; mod user;"),
            ("low.rs", "pub struct Low;"),
            (
                "high/mod.rs",
                "mod inner; pub use inner::Thing as Renamed; pub use crate::low::Low;",
            ),
            ("high/inner.rs", "pub struct Thing;"),
            ("user.rs", text),
        ];
        let all = arrows(&files).into_iter();
        all.filter(|(from, ..)| from == "user.rs")
            .map(|(_, line, to, what)| (line, to, what))
            .collect()
    }

    fn one(line: usize, to: &str, what: &str) -> Vec<(usize, String, String)> {
        vec![(line, to.to_owned(), what.to_owned())]
    }

    #[test]
    fn an_import_is_an_arrow_to_where_the_thing_is() {
        assert_eq!(of_user("use crate::low::Low;"), one(1, "low.rs", "low::Low"));
        assert_eq!(
            of_user("\nuse super::high::{Renamed};"),
            one(2, "high/inner.rs", "high::inner::Thing")
        );
        assert_eq!(of_user("use crate::high::Low;"), one(1, "low.rs", "low::Low"));
    }

    #[test]
    fn a_path_in_code_a_type_or_a_macro_is_an_arrow() {
        for text in [
            "fn f() {\n crate::low::Low; }",
            "fn f(a:\n &[Option<crate::low::Low>]) {}",
            "fn f() { assert!(\n matches!(1, crate::low::Low)) }",
            "impl Trait for\n crate::low::Low {}",
        ] {
            assert_eq!(of_user(text), one(2, "low.rs", "low::Low"), "{text}");
        }
    }

    #[test]
    fn a_module_that_was_imported_leads_to_what_is_in_it() {
        let expected = [
            (1, "high/mod.rs", "high"),
            (2, "high/inner.rs", "high::inner::Thing::new"),
        ]
        .map(|(line, to, what)| (line, to.to_owned(), what.to_owned()));
        assert_eq!(
            of_user("use crate::high;\nfn f() { high::Renamed::new(); }"),
            expected
        );
    }

    #[test]
    fn tests_and_other_crates_are_no_arrows() {
        // A name alone is a local one, or was imported and is an arrow there.
        let text = "fn g(low: u32) -> u32 { low } use low::other; use std::fmt; #[cfg(test)] mod tests { use crate::low::Low; }\n#[cfg(test)] use crate::low; fn f() { fmt::x() }";
        assert_eq!(of_user(text), []);
    }

    #[test]
    fn an_arrow_up_is_told_with_file_line_and_name() {
        let mut graph = Graph::default();
        graph.add("wire.rs", "\n\nfn f(thread: crate::process::thread::Thread) {}");
        graph.add("process/thread.rs", "pub struct Thread;\nuse crate::wire::f;");
        let expected = "src/wire.rs:3 (what everything stands on) names process::thread::Thread in src/process/thread.rs (objects as state)";
        assert_eq!(upward(&graph.arrows()), [expected]);
    }
}
