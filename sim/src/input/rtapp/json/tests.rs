//! What the tolerant reader takes, and what it refuses.

use super::*;

fn refusal(text: &str) -> String {
    let (place, message) = parse(text, &Complaints::new("test")).unwrap_err();
    format!("{place}: {message}")
}

fn keys(text: &str) -> Vec<(String, Value)> {
    let complaints = Complaints::new("test");
    let Value::Object(members) = parse(text, &complaints).unwrap().value else {
        panic!("an object");
    };
    assert_eq!(complaints.finish(), Ok(Vec::new()));
    let pairs = members.into_iter().map(|member| (member.key, member.value.value));
    pairs.collect()
}

#[test]
fn l2_repeated_keys_all_stay_and_in_order() {
    let run = |time| ("run".to_owned(), Value::Integer(time));
    let sleep = ("sleep".to_owned(), Value::Integer(5));
    assert_eq!(
        keys("{ \"run\" : 1, \"sleep\" : 5, \"run\" : 2 }"),
        [run(1), sleep, run(2)]
    );
}

#[test]
fn l2_comments_commas_and_missing_values_are_read() {
    let text =
        "\u{feff}// first\n{ /* a * / , */ 'suspend', \"yield\" : , \"a\" : True,, \"b\" : [1, 2,], }\n//";
    let list = [1, 2].map(Value::Integer);
    let read = keys(text);
    assert_eq!(read[0], ("suspend".to_owned(), Value::Missing));
    assert_eq!(read[1], ("yield".to_owned(), Value::Missing));
    assert_eq!(read[2], ("a".to_owned(), Value::Boolean(true)));
    let Value::List(items) = &read[3].1 else {
        panic!("a list");
    };
    assert!(items.iter().map(|item| &item.value).eq(&list));
}

#[test]
fn l2_a_comma_too_few_is_noted() {
    let complaints = Complaints::new("test");
    parse("{ \"a\" : {}\n \"b\" : 1 }", &complaints).unwrap();
    let notes = complaints.finish().unwrap();
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0].place, Place { line: 2, column: 2 });
}

#[test]
fn l2_escapes_are_characters() {
    let read = keys(r#"{ "a\"\n\u00e4\ud83d\ude00" : null }"#);
    assert_eq!(read, [("a\"\nä😀".to_owned(), Value::Null)]);
}

#[test]
fn l2_what_is_not_json_is_refused_where_it_is() {
    assert_eq!(refusal(""), "1:1: a value is expected here, but the file ends");
    assert_eq!(
        refusal("{ a : 1 }"),
        "1:3: a name in quotes is expected here, not `a`"
    );
    assert_eq!(
        refusal("{\n\"a\" 1 }"),
        "2:5: `:` and the value of `a` is expected here, not `1`"
    );
    assert_eq!(
        refusal("{ \"a\" : 1"),
        "1:10: a name in quotes is expected here, but the file ends"
    );
    assert_eq!(
        refusal("{ \"a\" : fast }"),
        "1:9: `fast` is no value; text stands in quotes"
    );
    assert_eq!(refusal("{ \"a"), "1:3: this text has no closing quote");
    assert_eq!(refusal("/* {}"), "1:1: this comment has no end");
    assert_eq!(refusal("{} {}"), "1:4: the file goes on with `{` after its end");
    assert_eq!(refusal("[1 2]"), "1:4: `,` or `]` is expected here, not `2`");
    assert!(refusal(&"[".repeat(99)).contains("more than 64 objects"));
}
