//! The page of a run of the benchmarks: what stands in each section, what must not, and its Markdown word by word.
//!
//! data/rows.jsonl is made up: its figures are near those that were once measured, so that plots look as they will, and its
//! machines are called `fixture`.

use lab::bench::{Row, Rows, read};
use lab::report::{Compared, of_rows};

const FIXTURE: &str = include_str!("data/rows.jsonl");

fn fixture() -> Rows {
    read(FIXTURE).unwrap()
}

fn html() -> String {
    of_rows(&fixture(), None).html()
}

/// The text of a section of the Markdown.
fn section<'a>(markdown: &'a str, heading: &str) -> &'a str {
    let begin = markdown
        .find(&format!("## {heading}\n"))
        .unwrap_or_else(|| panic!("no {heading}"));
    let rest = &markdown[begin + 3..];
    rest.find("\n## ").map_or(rest, |end| &rest[..end])
}

/// The lines of a table whose caption begins so, without its heads.
fn table<'a>(text: &'a str, caption: &str) -> Vec<Vec<&'a str>> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(caption)).skip(1);
    assert_eq!(lines.next(), None.or(Some("")), "no table {caption}");
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|line| line.trim_matches('|').split(" |").map(str::trim).collect())
        .collect()
}

#[test]
fn a4_sections_come_in_the_order_in_which_they_are_read() {
    let markdown = of_rows(&fixture(), None).markdown();
    let headings: Vec<&str> = markdown
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    assert_eq!(
        headings,
        [
            "What was run",
            "Summary",
            "What operations cost",
            "Several workers against one",
            "Wake-up latency",
            "Fairness",
            "Boot",
            "The scheduler core as its queue grows",
            "Counters",
            "Other rows",
            "Raw rows",
        ]
    );
}

#[test]
fn a5_the_summary_names_what_was_missed_and_where_linux_is_better() {
    let markdown = of_rows(&fixture(), None).markdown();
    let summary = section(&markdown, "Summary");
    assert!(
        summary.contains("Aims missed: 7 (N3, N5, N6, N7c, N13, N11c, N15a)."),
        "{summary}"
    );
    let gates = table(summary, "Gates:");
    assert_eq!([gates[0][3], gates[1][3]], ["passed", "failed"]);
    let slower = table(summary, "Sundial does worse than Linux, instruction counts:");
    assert_eq!(slower.len(), 1);
    assert_eq!(
        slower[0][..4],
        ["N14", "process spawn to reaped", "89,250", "73,529"]
    );
}

#[test]
fn n3_a_cost_stands_beside_its_aim_and_the_best_way_that_linux_has() {
    let markdown = of_rows(&fixture(), None).markdown();
    let costs = table(
        section(&markdown, "What operations cost"),
        "Costs in instructions:",
    );
    let calls: Vec<_> = costs.iter().filter(|row| row[0] == "N3").collect();
    assert_eq!(
        calls[0][..8],
        [
            "N3",
            "call and return, two processes, empty",
            "Sundial",
            "3,847",
            "0",
            "≤ 700",
            "missed",
            "0.39"
        ]
    );
    assert_eq!((calls[1][2], calls[2][2]), ("Linux, futex", "Linux, pipe"));
}

#[test]
fn n15_work_and_total_are_apart_and_every_pair_is_a_dot() {
    let markdown = of_rows(&fixture(), None).markdown();
    let speedup = section(&markdown, "Several workers against one");
    let work = table(speedup, "Speed-up of the work, wall times:");
    let total = table(speedup, "Speed-up of the total, wall times:");
    assert_eq!((work.len(), total.len()), (12, 12));
    assert_eq!((work[0][0], total[0][0]), ("N15a", "N15b"));
    // Ten pairs in each of eleven cases that are not void, twice; and 52 shares.
    assert_eq!(html().matches("<circle").count(), 2 * 11 * 10 + 52);
}

#[test]
fn a4_a_void_row_has_no_figure_anywhere() {
    let markdown = of_rows(&fixture(), None).markdown();
    let costs = table(
        section(&markdown, "What operations cost"),
        "Costs in instructions:",
    );
    let void: Vec<_> = costs.iter().filter(|row| row[3] == "void").collect();
    assert_eq!(void[0][..8], ["N6", "", "Linux", "void", "", "", "void", ""]);
    assert!(
        !html().contains("5,311") && !markdown.contains("5,311"),
        "the figure of the void row"
    );
    assert!(markdown.contains("N6 (Linux), S3-processes (Linux)."));
}

#[test]
fn n11_histograms_of_both_systems_share_an_axis() {
    let html = html();
    let page = parsed(&html);
    let pictures = page.descendants().filter(|node| {
        let label = node.attribute("aria-label");
        label.is_some_and(|label| label.starts_with("Wake-up latency"))
    });
    let words: Vec<String> = pictures
        .map(|node| {
            node.descendants()
                .find(|node| node.has_tag_name("desc"))
                .map_or("", |desc| desc.text().unwrap())
        })
        .map(str::to_owned)
        .collect();
    assert_eq!(words.len(), 2);
    for told in words {
        assert!(
            told.starts_with("Sundial mean") && told.contains("Linux rt mean"),
            "{told}"
        );
    }
}

#[test]
fn a4_instructions_and_wall_times_share_no_table_and_no_plot() {
    let rows = fixture();
    // No row of the fixture has both kinds of time.
    let clock = |name: &str| rows.all().iter().find(|row| row.row == name).map(Row::clock);
    let html = html();
    let mut counted = 0;
    for node in parsed(&html).descendants() {
        let names: Vec<String> = match node.tag_name().name() {
            "tbody" => {
                let first = node.children().filter_map(|row| row.first_element_child());
                first.filter_map(|cell| Some(cell.text()?.to_owned())).collect()
            }
            "code" => node
                .text()
                .unwrap()
                .split_whitespace()
                .map(|word| word.replace(';', ""))
                .collect(),
            _ => continue,
        };
        let mut clocks: Vec<_> = names.iter().filter_map(|name| clock(name)).collect();
        counted += clocks.len();
        clocks.dedup();
        assert!(clocks.len() <= 1, "{names:?}");
    }
    assert!(counted > 150, "{counted}");
}

#[test]
fn a4_a_row_that_nobody_knows_is_shown() {
    let markdown = of_rows(&fixture(), None).markdown();
    let other = table(section(&markdown, "Other rows"), "Rows without a section");
    assert_eq!(
        other[0][..4],
        ["Q1", "a row that this version does not know", "Sundial", "4"]
    );
    for row in fixture().all() {
        assert!(
            section(&markdown, "Raw rows").contains(&format!("| {} ", row.row)),
            "{row}"
        );
    }
}

#[test]
fn a4_what_changed_is_said_with_its_noise() {
    let newer = FIXTURE
        .replace("296.2075", "280.0")
        .replace("0123456789ab", "ba9876543210");
    let newer = read(&newer).unwrap();
    let compared = Compared {
        name: "older.jsonl",
        rows: &fixture(),
    };
    let markdown = of_rows(&newer, Some(compared)).markdown();
    let changed = section(&markdown, "What changed");
    assert!(changed.contains("Beside older.jsonl (commit 0123456789ab), commit ba9876543210."));
    let changes = table(changed, "Changes, instruction counts: 1 better");
    assert_eq!(
        changes[0],
        [
            "N1",
            "Sundial",
            "296",
            "280",
            "instructions",
            "-5.5 %",
            "0.1 %",
            "better"
        ]
    );
    assert_eq!(changes[1][7], "same");
}

/// The page as XML, which is stricter than HTML: every element is closed where it belongs.
fn parsed(html: &str) -> roxmltree::Document<'_> {
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..roxmltree::ParsingOptions::default()
    };
    roxmltree::Document::parse_with_options(html, options).unwrap()
}

#[test]
fn l3_the_page_is_well_formed_and_needs_nothing_from_elsewhere() {
    let html = html();
    let page = parsed(&html);
    for node in page.descendants().filter(roxmltree::Node::is_element) {
        let name = node.tag_name().name();
        assert!(
            !["script", "link", "img", "iframe", "object", "image", "use"].contains(&name),
            "{name}"
        );
        for attribute in node.attributes() {
            let (key, value) = (attribute.name(), attribute.value());
            assert!(
                !["src", "srcset", "style"].contains(&key) && !key.starts_with("on"),
                "{key}"
            );
            assert!(key != "href" || value.starts_with('#'), "{value}");
            assert!(
                !value.contains("NaN") && !value.contains("inf,"),
                "{name} {key}={value}"
            );
        }
    }
    let style = page
        .descendants()
        .find(|node| node.has_tag_name("style"))
        .unwrap()
        .text()
        .unwrap();
    assert!(!style.contains("url(") && !style.contains("@import"));
}

#[test]
fn l3_every_picture_has_a_title_words_for_its_values_and_a_recipe() {
    let html = html();
    let page = parsed(&html);
    let pictures: Vec<_> = page
        .descendants()
        .filter(|node| node.tag_name().name() == "svg")
        .collect();
    assert_eq!(pictures.len(), 11);
    for picture in &pictures {
        assert!(!picture.attribute("aria-label").unwrap_or_default().is_empty());
        let figure = picture
            .ancestors()
            .find(|node| node.has_tag_name("figure"))
            .unwrap();
        let recipe = figure
            .descendants()
            .find(|node| node.has_tag_name("code"))
            .unwrap();
        assert!(
            recipe.text().unwrap().starts_with("./x bench; row")
                && recipe.text().unwrap().ends_with("commit 0123456789ab")
        );
    }
}

#[test]
fn l3_the_markdown_is_what_it_was() {
    let told = of_rows(&fixture(), None).markdown();
    let known = include_str!("data/report.md");
    for (line, (told, known)) in (1..).zip(told.lines().zip(known.lines())) {
        assert_eq!(told, known, "line {line} of lab/tests/data/report.md");
    }
    assert_eq!(told.lines().count(), known.lines().count());
}
