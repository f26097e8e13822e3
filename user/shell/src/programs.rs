//! The programs that can be started: what the manifest lists for the shell, and what each may have.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use rt::config::Value;

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What is typed.
    pub name: String,
    /// Which of the manifest's binaries it is.
    pub binary: String,
    /// What it does, in a line.
    pub summary: String,
    /// What it is granted (see `rt::grants`), besides `args` and `out`.
    pub caps: Vec<String>,
}

/// The programs of a manifest's configuration, in the order of their names.
pub fn from_config(config: &Value) -> Vec<Program> {
    let mut programs: Vec<Program> = config
        .list_of("programs")
        .iter()
        .filter_map(|value| {
            let name = value.text_of("name")?;
            Some(Program {
                name: name.into(),
                binary: value.text_of("binary").unwrap_or(name).into(),
                summary: value.text_of("summary").unwrap_or("").into(),
                caps: value.texts_of("caps").map(ToString::to_string).collect(),
            })
        })
        .collect();
    programs.sort_by(|one, other| one.name.cmp(&other.name));
    programs
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn programs_are_sorted_and_their_binary_defaults_to_the_name() {
        let entry = |name: &str| Value::Fields(vec![("name".into(), Value::Text(name.into()))]);
        let nameless = Value::Fields(vec![]);
        let config = Value::Fields(vec![(
            "programs".into(),
            Value::List(vec![entry("storm"), nameless, entry("evil")]),
        )]);
        let programs = from_config(&config);
        assert_eq!(
            programs.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
            ["evil", "storm"]
        );
        assert_eq!(programs[0].binary, "evil");
    }
}
