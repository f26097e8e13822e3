//! CPU time held by people: `budget`, `why` and what `threads` and `top` show of it, typed at the shell.

use serde_json::Value;
use sundial_tests::Boot;
use sundial_tests::shell::{answer, seated};

/// The object that `budget --json` prints.
fn budgets(boot: &Boot) -> Value {
    let said = answer(boot, "budget --json");
    let object = said.lines().find(|line| line.starts_with('{'));
    let object = object.unwrap_or_else(|| boot.fail(&format!("no object in {said}")));
    serde_json::from_str(object).unwrap_or_else(|error| boot.fail(&format!("{error} in {object}")))
}

/// The number of the context that a command made.
fn made(boot: &Boot, line: &str) -> u64 {
    let said = answer(boot, line);
    let number = said.split("context ").nth(1).and_then(|rest| {
        let digits = rest.split(|character: char| !character.is_ascii_digit());
        digits.into_iter().next()?.parse().ok()
    });
    number.unwrap_or_else(|| boot.fail(&format!("{line} made nothing: {said}")))
}

/// Types a command that has nothing to say.
fn silent(boot: &Boot, line: &str) {
    let said = answer(boot, line);
    if said != "sundial> " {
        boot.fail(&format!("{line} says {said}"));
    }
}

/// Starts `hogs` with one hog that computes for a minute: the hog's name.
fn hog(boot: &Boot) -> String {
    answer(boot, "hogs 60 64 &");
    loop {
        let threads = answer(boot, "threads");
        // The first thread of the program waits; the second is the hog.
        let hog = threads.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next().filter(|name| name.ends_with(".2"))?;
            (words.next()? == "hogs").then(|| name.to_string())
        });
        if let Some(hog) = hog {
            return hog;
        }
    }
}

/// Asks again and again until the answer has all of these in it.
fn asked_until(boot: &Boot, line: &str, wanted: &[&str]) -> String {
    loop {
        // Lines are broken between words, wherever that may be.
        let said = answer(boot, line);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        if wanted.iter().all(|wanted| said.contains(wanted)) {
            return said;
        }
    }
}

#[test]
fn e1_to_e3_a_hog_is_limited_from_the_shell_and_the_shell_says_why_it_waits() {
    let boot = seated();
    assert_eq!(budgets(&boot)["contexts"].as_array().map(Vec::len), Some(0));
    let hog = hog(&boot);
    asked_until(
        &boot,
        &format!("why {hog}"),
        &["is running on CPU", "no scheduling context"],
    );
    let id = made(&boot, "budget limit 1ms/100ms");
    silent(&boot, &format!("budget bind {id} {hog}"));
    asked_until(
        &boot,
        &format!("why {hog}"),
        &[
            "would run but may not",
            &format!("context {id}, a limit: at most 1ms in every 100ms"),
            "That is used up; more comes at",
        ],
    );
    asked_until(&boot, "threads", &["CONTEXT USED SPENT MISSED", "throttled"]);
    asked_until(&boot, "top 1 1", &["CTX OF IT MISSED"]);
    let seen = budgets(&boot);
    let context = &seen["contexts"][0];
    assert_eq!(context["id"], id, "{seen}");
    assert_eq!(format!("{}.{}", context["pid"], context["tid"]), hog, "{seen}");
    assert_eq!(
        (&context["kind"], &context["budgetNs"], &context["periodNs"]),
        (&"limit".into(), &1_000_000.into(), &100_000_000.into()),
        "{seen}"
    );
    let number = |name: &str| context[name].as_u64().unwrap_or_default();
    assert!(number("usedNs") > 0 && number("overruns") > 0, "{seen}");

    // Either has another already, and a thread that is bound may not be bound twice.
    let twice = answer(&boot, &format!("budget bind {id} 1"));
    assert!(
        twice.contains(&format!("is bound to thread {hog} already")),
        "{twice}"
    );
    let other = made(&boot, "budget limit 1ms/100ms --cpus 0-1");
    let twice = answer(&boot, &format!("budget bind {other} {hog}"));
    assert!(
        twice.contains(&format!("thread {hog} is bound to context {id} already")),
        "{twice}"
    );
    silent(&boot, &format!("budget unbind {id}"));
    asked_until(
        &boot,
        &format!("why {hog}"),
        &["is running on CPU", "no scheduling context"],
    );
    let nobody = answer(&boot, &format!("budget unbind {id}"));
    assert!(nobody.contains("is bound to no thread"), "{nobody}");

    // A thread whose context is revoked goes on, and who agreed to be ended is.
    silent(&boot, &format!("budget bind {other} {hog}"));
    silent(&boot, &format!("budget revoke {other}"));
    asked_until(
        &boot,
        &format!("why {hog}"),
        &["is running on CPU", "no scheduling context"],
    );
    let last = made(&boot, "budget limit 1ms/100ms --fault");
    silent(&boot, &format!("budget bind {last} {hog}"));
    asked_until(&boot, &format!("why {hog}"), &["there is no thread"]);
    boot.type_text("exit\r");
    assert_eq!(boot.exit(), 0);
}

#[test]
fn e10_e14_the_shell_reserves_says_what_would_be_granted_and_gives_back() {
    let boot = seated();
    let left = |boot: &Boot| budgets(boot)["cpus"][0]["leftNs"].as_u64();
    assert_eq!(left(&boot), Some(950_000_000));
    let half = made(&boot, "budget reserve 500ms/1s --cpu 0");
    assert_eq!(left(&boot), Some(450_000_000));
    let refused = answer(&boot, "budget reserve 500ms/1s --cpu 0");
    assert!(refused.contains("450ms would be granted"), "{refused}");
    assert_eq!(left(&boot), Some(450_000_000), "a refusal changed the ledger");
    let rest = made(&boot, "budget reserve 450ms/1s --deadline 900ms --cpu 0 --demote");
    assert_eq!(left(&boot), Some(0));
    let elsewhere = made(&boot, "budget reserve 2ms/10ms");
    let list = answer(&boot, "budget");
    assert!(
        list.contains("450ms/1s in 900ms") && list.contains("reserved"),
        "{list}"
    );
    for id in [half, rest, elsewhere] {
        silent(&boot, &format!("budget revoke {id}"));
    }
    let seen = budgets(&boot);
    assert_eq!(seen["contexts"].as_array().map(Vec::len), Some(0), "{seen}");
    assert_eq!(left(&boot), Some(950_000_000));
}

#[test]
fn e1_the_shell_names_what_is_wrong_with_what_is_asked_of_it() {
    let boot = seated();
    let id = made(&boot, "budget limit 2ms/10ms");
    for (line, problem) in [
        ("budget fly", "`fly` is nothing that can be done with a budget"),
        ("budget limit", "usage: budget limit BUDGET/PERIOD"),
        (
            "budget limit 2/10",
            "`2` is no budget; write a number and s, ms, us or ns",
        ),
        (
            "budget limit 9ms/2ms",
            "a budget is at least 100us and at most its period",
        ),
        (
            "budget limit 1us/2ms",
            "a budget is at least 100us and at most its period",
        ),
        ("budget limit 2ms/10ms --cpus 77", "the CPUs must be there"),
        (
            "budget reserve 2ms/10ms --deadline 1ms",
            "a budget is at least 100us",
        ),
        ("budget reserve 2ms/10ms --cpu one", "`one` is no CPU number"),
        ("budget reserve 0ns/0ns", "a budget is at least 100us"),
        ("budget bind 1", "usage: budget bind ID PID.TID"),
        ("budget bind 99 1", "context 99 is none that this shell made"),
        ("budget unbind 99", "context 99 is none that this shell made"),
        ("budget revoke x", "`x` is no context number"),
        ("why", "usage: why PID[.TID]"),
        ("why me", "`me` names no thread"),
        ("why 77.1", "there is no thread 77.1"),
    ] {
        let said = answer(&boot, line);
        assert!(said.contains(problem), "{line} says {said}");
    }
    let nobody = answer(&boot, &format!("budget bind {id} 77.1"));
    assert!(nobody.contains("there is no thread 77.1"), "{nobody}");
    let help = answer(&boot, "help budget");
    assert!(help.contains("budget reserve 2ms/10ms"), "{help}");
    let seen = budgets(&boot);
    assert_eq!(
        seen["contexts"].as_array().map(Vec::len),
        Some(1),
        "what was refused is there: {seen}"
    );
}
