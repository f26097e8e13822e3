//! docs/scenarios.md is right: its examples are read, and its table of steps is the grammar.

use sim::input::{rtapp, step, toml};

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scenarios.md");
    std::fs::read_to_string(path).expect("the page is there")
}

#[test]
fn l2_the_examples_on_the_page_are_read() {
    let page = page();
    let mut examples = page
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next());
    let scenarios = [examples.next(), examples.next()].map(|example| {
        let text = example.flatten().expect("an example");
        toml::read(text, "example.toml").unwrap_or_else(|errors| panic!("{errors}"))
    });
    assert!(examples.next().is_none());
    assert_eq!((scenarios[0].threads.len(), scenarios[1].threads.len()), (2, 6));
}

#[test]
fn l2_the_table_of_steps_is_the_grammar() {
    let page = page();
    for (_, form, meaning) in step::FORMS {
        assert!(page.contains(&format!("| `{form}` | {meaning} |\n")), "{form}");
    }
    let prelude = r#"
        duration = "1s"
        [machine]
        cpus = 8
        [objects]
        barriers = [{ name = "round", size = 1 }]
        pipes = [{ name = "pipe", capacity = 512 }]
        contexts = [{ name = 'camera', limit = { budget = '1ms', period = '2ms' } }]
        [[thread]]
        name = "worker"
        program = "#;
    let steps: Vec<String> = step::FORMS
        .iter()
        .map(|(_, form, _)| format!("{form:?}"))
        .collect();
    let scenario = toml::read(&format!("{prelude}[{}]", steps.join(",")), "steps.toml");
    let scenario = scenario.unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(
        scenario.threads[0].program.phases[0].steps.len(),
        step::FORMS.len()
    );
}

#[test]
fn l2_every_key_of_the_page_is_known_to_the_reader() {
    let page = page();
    let table = page.split("| in the file | here |").nth(1).expect("the table");
    for key in [
        "delay",
        "loop",
        "sleep",
        "cpus",
        "priority",
        "policy",
        "dl-runtime",
        "dl-deadline",
        "duration",
        "resources",
    ] {
        assert!(table.contains(&format!("`{key}`")), "{key}");
    }
    for word in [
        "mem",
        "iorun",
        "sem_post",
        "taskgroup",
        "nodes_membind",
        "exec",
        "dl-period",
    ] {
        assert!(table.contains(&format!("`{word}`")), "{word}");
        let text = format!("{{ \"tasks\" : {{ \"t\" : {{ \"run\" : 1, \"{word}\" : 1 }} }} }}");
        let errors = rtapp::read(&text, "t.json", &rtapp::Options::default()).expect_err("this is refused");
        assert!(errors.to_string().contains(&format!("`{word}`")), "{errors}");
    }
}
