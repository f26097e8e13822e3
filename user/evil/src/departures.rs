//! Receivers that let go of their right to answer, in every way there is, while calls are in their hands or on their way to
//! them. Callers must be told, and who waits for a call must get it.

use alloc::format;
use alloc::vec::Vec;

use rt::Error;

use crate::flight::{Ground, answer, is_disconnected, received};
use crate::report::Report;
use crate::{child, partners};
use partners::SERVICE;

/// All of them.
pub(crate) fn attack(ground: &Ground<'_>, report: &mut Report) {
    for way in partners::WAYS_TO_LEAVE {
        receiver_leaves(ground, report, way);
    }
    receive_without_facet(ground, report);
    room_for_another(ground, report);
}

/// A receiver lets go of its right to answer, in one way or another, while it holds a call of ours.
fn receiver_leaves(ground: &Ground<'_>, report: &mut Report, way: &str) {
    let what = format!("a call whose receiver {way}");
    match leave(ground, way) {
        Ok((answer, lives)) => {
            report.line(is_disconnected(&answer), &what, format_args!("{answer:?}"));
            report.line(lives != (way == partners::ENDS), "and the receiver", lives);
        }
        Err(error) => report.line(false, &what, error),
    }
}

/// What our call was answered, and whether the receiver lived then.
fn leave(ground: &Ground<'_>, way: &str) -> Result<(Option<Result<(), Error>>, bool), Error> {
    let call = ground.call()?;
    let child = ground.co_owner(way)?;
    let (id, brought) = ground.at_home()?;
    if way == partners::IS_REVOKED {
        let table = child.table.list()?;
        let facet = table.iter().find(|line| line.label == SERVICE);
        child.table.revoke(facet.map_or(0, |line| line.id))?;
    }
    ground.home.reply(id, &[])?;
    let answer = answer(call);
    let ended = child.handle.start_wait()?;
    let lives = way != partners::ENDS && !ended.is_ready();
    if lives {
        child.handle.terminate()?;
    }
    ended.wait()?;
    if let Some(facet) = brought {
        rt::cap::release(facet)?;
    }
    Ok((answer, lives))
}

/// A receive whose process has let go of its facet must not take calls that nobody could answer.
fn receive_without_facet(ground: &Ground<'_>, report: &mut Report) {
    let what = "a receive of a process without a facet";
    let tried = (|| {
        let child = ground.co_owner(partners::POSTS_AND_RELEASES)?;
        let (id, _) = ground.at_home()?;
        let call = ground.call()?;
        // If that receive took the call, this one waits in vain.
        let ours = received(&ground.meeting);
        let taken = ours.is_ok_and(|(call, _)| ground.meeting.reply(call, &[]).is_ok());
        ground.home.reply(id, &[])?;
        child.handle.terminate()?;
        child.handle.wait()?;
        Ok::<_, Error>(taken && answer(call).is_some_and(|answer| answer.is_ok()))
    })();
    match tried {
        Ok(held) => report.line(held, what, if held { "takes no call" } else { "took a call" }),
        Err(error) => report.line(false, what, error),
    }
}

/// As many calls are in flight as may be, others wait, and another receiver waits; then the first receiver ends.
fn room_for_another(ground: &Ground<'_>, report: &mut Report) {
    let what = "a receiver beside waiting calls when another one ends";
    let tried = (|| {
        let calls = (0..30)
            .map(|_| ground.call())
            .collect::<Result<Vec<_>, Error>>()?;
        let first = ground.co_owner(partners::TAKES_SIXTEEN)?;
        let (id, _) = ground.at_home()?;
        let second = ground.co_owner(partners::TAKES_ONE)?;
        let (other, _) = ground.at_home()?;
        ground.home.reply(other, &[])?;
        // Time to post its receive; if that comes too late, it finds room and a call all the same.
        rt::nap(20_000_000);
        ground.home.reply(id, &[])?;
        first.handle.wait()?;
        let ended = child::end_of(&second)?;
        for _ in 0..13 {
            let (id, _) = received(&ground.meeting)?;
            ground.meeting.reply(id, &[])?;
        }
        let answers: Vec<_> = calls.into_iter().map(answer).collect();
        let told = answers.iter().filter(|answer| is_disconnected(answer)).count();
        let done = answers
            .iter()
            .filter(|answer| matches!(answer, Some(Ok(()))))
            .count();
        Ok::<_, Error>((ended, told, done))
    })();
    match tried {
        Ok(ended) => report.line(ended == (Some(0), 17, 13), what, format_args!("{ended:?}")),
        Err(error) => report.line(false, what, error),
    }
}
