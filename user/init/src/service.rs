//! What the manifest says about services: the part of `initConfig` that is init's own.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use rt::config::Value;

/// Everything init is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What to start, in this order.
    pub services: Vec<Service>,
    /// The service whose end is init's end.
    pub exit_when: Option<String>,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its process's name.
    pub name: String,
    /// Which of the manifest's binaries it runs.
    pub binary: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// What it is granted (see `rt::grants`).
    pub caps: Vec<String>,
    /// What happens when it ends.
    pub restart: Restart,
}

/// When a service that ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Not at all.
    Never,
    /// When its exit code was not 0.
    OnFailure,
    /// Always.
    Always,
}

impl Restart {
    /// Whether a service that ended with `code` should run again.
    pub fn wants_another(self, code: i64) -> bool {
        match self {
            Restart::Never => false,
            Restart::OnFailure => code != 0,
            Restart::Always => true,
        }
    }
}

impl Plan {
    /// Reads the plan; problems come as a sentence that names service and field.
    pub fn from_config(config: &Value) -> Result<Plan, String> {
        let services: Vec<Service> = config
            .list_of("services")
            .iter()
            .enumerate()
            .map(Service::from_config)
            .collect::<Result<_, _>>()?;
        let exit_when = config.text_of("exitWhenServiceExits").map(ToString::to_string);
        if let Some(name) = &exit_when
            && !services.iter().any(|service| service.name == *name)
        {
            return Err(format!(
                "exitWhenServiceExits names `{name}`, which is no service"
            ));
        }
        Ok(Plan { services, exit_when })
    }
}

impl Service {
    fn from_config((index, value): (usize, &Value)) -> Result<Service, String> {
        let name = value
            .text_of("name")
            .ok_or_else(|| format!("services[{index}] has no name"))?;
        let texts = |field| value.texts_of(field).map(ToString::to_string).collect();
        Ok(Service {
            name: name.into(),
            binary: value.text_of("binary").unwrap_or(name).into(),
            args: texts("args"),
            caps: texts("caps"),
            restart: match value.text_of("restart") {
                None | Some("never") => Restart::Never,
                Some("on-failure") => Restart::OnFailure,
                Some("always") => Restart::Always,
                Some(other) => {
                    return Err(format!(
                        "service `{name}`: restart is `{other}`, but only never, on-failure and always are known"
                    ));
                }
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    fn fields(fields: &[(&str, Value)]) -> Value {
        Value::Fields(
            fields
                .iter()
                .map(|(name, value)| ((*name).into(), value.clone()))
                .collect(),
        )
    }

    #[test]
    fn p13_services_are_read_with_their_defaults() {
        let shell = fields(&[
            ("name", text("shell")),
            ("caps", Value::List(vec![text("timer"), text("out=console")])),
        ]);
        let config = fields(&[
            ("services", Value::List(vec![shell])),
            ("exitWhenServiceExits", text("shell")),
        ]);
        let plan = Plan::from_config(&config).unwrap();
        assert_eq!(plan.exit_when.as_deref(), Some("shell"));
        assert_eq!(
            plan.services,
            [Service {
                name: "shell".into(),
                binary: "shell".into(),
                args: vec![],
                caps: vec!["timer".into(), "out=console".into()],
                restart: Restart::Never,
            }]
        );
    }

    #[test]
    fn p13_a_plan_that_makes_no_sense_is_refused_with_its_field() {
        let nameless = fields(&[("services", Value::List(vec![fields(&[])]))]);
        assert_eq!(
            Plan::from_config(&nameless).unwrap_err(),
            "services[0] has no name"
        );
        let odd = fields(&[("name", text("a")), ("restart", text("maybe"))]);
        let odd = fields(&[("services", Value::List(vec![odd]))]);
        assert!(
            Plan::from_config(&odd)
                .unwrap_err()
                .starts_with("service `a`: restart is `maybe`")
        );
        let gone = fields(&[("exitWhenServiceExits", text("b"))]);
        assert_eq!(
            Plan::from_config(&gone).unwrap_err(),
            "exitWhenServiceExits names `b`, which is no service"
        );
    }

    #[test]
    fn a_service_comes_back_as_its_policy_says() {
        let again = |restart: Restart| (restart.wants_another(0), restart.wants_another(1));
        assert_eq!(again(Restart::Never), (false, false));
        assert_eq!(again(Restart::OnFailure), (false, true));
        assert_eq!(again(Restart::Always), (true, true));
    }
}
