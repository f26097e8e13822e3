//! The page of a trace: whole, drawn from numbers, and never from nothing.

mod support;

use lab::Trace;
use lab::report::{figures, of_trace};
use support::example;

/// The pictures in a page.
fn pictures(html: &str) -> Vec<&str> {
    let starts = html.match_indices("<svg ").map(|(at, _)| at);
    starts
        .map(|at| &html[at..at + html[at..].find("</svg>").unwrap()])
        .collect()
}

#[test]
fn l3_a_page_shows_cpus_shares_lag_and_latency() {
    let html = of_trace(&example(), "sundial trace x.sundial --html x.html").html();
    for heading in ["CPUs", "Shares", "Lag", "Wake-up latency"] {
        assert!(html.contains(&format!("<h2>{heading}</h2>")), "{heading}");
    }
    let pictures = pictures(&html);
    assert_eq!(pictures.len(), 4);
    assert_eq!(html.matches("sundial trace x.sundial --html x.html").count(), 4);
    for picture in pictures {
        assert!(
            picture.contains("aria-label=") && picture.contains("<text"),
            "{picture}"
        );
        assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
    }
    // The hog ran from 1.1 to 4 us on CPU 0 and from 4.6 to 6 us on CPU 1, which tells nothing before 2.5 us.
    assert!(
        html.contains("<td>hog</td><td class=\"n\">7/1</td><td class=\"n\">2.90 µs</td>"),
        "{html}"
    );
    assert!(html.contains("41 older events were overwritten"));
}

#[test]
fn l3_an_empty_trace_is_an_empty_page() {
    let html = of_trace(&Trace::new("nothing", 3), "").html();
    assert!(html.contains("0 events") && html.contains("No thread was woken"));
    for picture in pictures(&html) {
        assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
    }
}

#[test]
fn l3_policies_are_compared_side_by_side() {
    let cases = ["hogs".to_owned(), "a & b".to_owned()];
    let policies = [
        ("WFQ".to_owned(), vec![Some(4.0), None]),
        ("EEVDF".to_owned(), vec![Some(-2.0), Some(0.0)]),
    ];
    let y = lab::plot::Axis::linear("worst lag (ms)");
    let picture = figures::comparison("Worst lag", &cases, y, &policies);
    assert!(picture.contains("a &amp; b") && picture.contains("worst lag (ms)"));
    let hints: Vec<&str> = picture
        .split("<title>")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap())
        .collect();
    assert_eq!(
        hints,
        [
            "WFQ, hogs: 4.0000",
            "EEVDF, hogs: -2.0000",
            "EEVDF, a &amp; b: 0.0000"
        ]
    );
}
