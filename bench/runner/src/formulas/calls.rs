//! N4: calls of a thread that has CPU time of its own, beside the plain call of the same boot. Whose time the server worked with is told
//! by the caller's context, which counts how often it was lent.

use super::super::boot::Booted;
use super::super::measured::Figures;
use super::per_operation;
use anyhow::Result;
use lab::statistics;

/// The row of the plain call.
const PLAIN: &str = "call";

/// The detail that keeps what that costs.
pub(in super::super) const PLAIN_CALL: &str = "plain_call";

/// The server has its own: nothing is lent.
pub(in super::super) fn to_a_server_with_time(booted: &Booted, name: &str) -> Result<Figures> {
    figures(booted, name, |lent, _| lent == 0)
}

/// The server has none: the caller's goes along with each call, also with those of the first round, which is not counted.
pub(in super::super) fn to_a_server_that_is_lent_time(booted: &Booted, name: &str) -> Result<Figures> {
    figures(booted, name, |lent, counted| lent > counted)
}

fn figures(booted: &Booted, name: &str, is_right: impl Fn(u64, u64) -> bool) -> Result<Figures> {
    let plain = per_operation(booted, PLAIN)?;
    let figures = per_operation(booted, name)?;
    let row = booted.printed.row(name)?;
    let (lent, used_up) = (row.fact("lent")?, row.fact("used-up")?);
    let counted = row.samples.iter().map(|(calls, _)| calls).sum();
    // A thread that had to wait for its budget measures that.
    let is_right = is_right(lent, counted) && used_up == 0;
    let refuted = figures.refuted || plain.refuted || !is_right;
    Ok(Figures { refuted, ..figures }
        .with("lent", lent)
        .with(PLAIN_CALL, statistics::median(&plain.samples)))
}

#[cfg(test)]
mod tests {
    use super::super::booted;
    use super::*;

    fn said(lent: u32, used_up: u32) -> Booted {
        booted(&format!(
            "@sample call 10 1000\n@fact call wrong 0\n@sample c 10 1200\n@sample c 10 1100\n@fact c wrong 0\n\
             @fact c lent {lent}\n@fact c used-up {used_up}"
        ))
    }

    #[test]
    fn n4_a_call_stands_beside_the_plain_one() {
        let figures = to_a_server_with_time(&said(0, 0), "c").unwrap();
        assert_eq!((figures.samples, figures.refuted), (vec![120.0, 110.0], false));
        assert_eq!(figures.details[PLAIN_CALL], 100.0);
    }

    #[test]
    fn n4_time_that_did_not_go_along_or_was_used_up_refutes_the_row() {
        assert!(to_a_server_with_time(&said(1, 0), "c").unwrap().refuted);
        assert!(!to_a_server_that_is_lent_time(&said(31, 0), "c").unwrap().refuted);
        assert!(to_a_server_that_is_lent_time(&said(20, 0), "c").unwrap().refuted);
        assert!(to_a_server_that_is_lent_time(&said(31, 1), "c").unwrap().refuted);
    }
}
