//! The first process. It says what machine it woke up on, starts the services that the manifest lists, and
//! keeps them as the manifest wants them kept. When the service named `exitWhenServiceExits` ends, init ends
//! with its exit code, and the machine with init.
//!
//! The manifest's fields are described in docs/programs.md and read in [`service`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod banner;
pub mod service;

use alloc::string::String;
use alloc::vec::Vec;

use rt::config::{BootPackage, Value};
use rt::monitor::Monitor;
use rt::pending::{Pending, wait_any};
use rt::process::{Child, Grant, ProcessSpawner};
use rt::{Env, println};

use service::{Plan, Service};

/// Exit code when the manifest's configuration cannot be used.
const BAD_CONFIGURATION: i64 = 2;

/// How often a service is started again before init gives up on it.
const MOST_RESTARTS: u32 = 8;

/// A service that runs.
struct Running {
    service: Service,
    child: Child,
    ended: Pending<i64>,
    restarts: u32,
}

/// Init's life.
pub fn run(env: &Env) -> i64 {
    greet(env);
    match plan(env).and_then(|plan| keep(env, plan)) {
        Ok(code) => code,
        Err(problem) => {
            println!("init: {problem}");
            BAD_CONFIGURATION
        }
    }
}

/// One line about the machine, if init may look at it.
fn greet(env: &Env) {
    let Ok(monitor) = env.first::<Monitor>() else {
        return;
    };
    match banner::read(&monitor) {
        Ok(facts) => println!("{facts}"),
        Err(error) => println!("init: cannot look at the machine: {error}"),
    }
}

/// What the manifest wants.
fn plan(env: &Env) -> Result<Plan, String> {
    let package = env
        .first::<BootPackage>()
        .map_err(|error| alloc::format!("{error}"))?;
    let config: Value = package
        .config()
        .map_err(|error| alloc::format!("cannot read the manifest: {error}"))?;
    Plan::from_config(&config)
}

/// Starts every service and stays until the deciding one has ended, or none is left.
fn keep(env: &Env, plan: Plan) -> Result<i64, String> {
    if plan.services.is_empty() {
        println!("init: the manifest lists no services, so there is nothing to do");
        return Ok(0);
    }
    let spawner = env
        .first::<ProcessSpawner>()
        .map_err(|error| alloc::format!("{error}"))?;
    let mut running: Vec<Running> = Vec::new();
    for service in plan.services {
        let (child, ended) = start(env, &spawner, &service)?;
        running.push(Running {
            service,
            child,
            ended,
            restarts: 0,
        });
    }
    let mut last_failure = 0;
    loop {
        let Some(index) = running.iter().position(|each| each.ended.is_ready()) else {
            wait_any(u64::MAX);
            continue;
        };
        let Running {
            service,
            child,
            ended,
            restarts,
        } = running.swap_remove(index);
        drop(child);
        let code = ended
            .wait()
            .map_err(|error| alloc::format!("waiting for `{}`: {error}", service.name))?;
        if plan.exit_when.as_deref() == Some(service.name.as_str()) {
            return Ok(code);
        }
        if code != 0 {
            last_failure = code;
            println!("init: service `{}` ended with code {code}", service.name);
        }
        if service.restart.wants_another(code) && restarts < MOST_RESTARTS {
            let (child, ended) = start(env, &spawner, &service)?;
            running.push(Running {
                service,
                child,
                ended,
                restarts: restarts + 1,
            });
        } else if running.is_empty() {
            return Ok(last_failure);
        }
    }
}

/// Starts one service with what the manifest grants it.
fn start(env: &Env, spawner: &ProcessSpawner, service: &Service) -> Result<(Child, Pending<i64>), String> {
    let named = |problem: String| alloc::format!("service `{}`: {problem}", service.name);
    let mut grants = rt::grants::grants(env, service.caps.iter().map(String::as_str)).map_err(named)?;
    let mut given = None;
    if !service.args.is_empty() {
        let arguments = spawner
            .arguments(service.args.iter().map(String::as_str))
            .map_err(|error| named(alloc::format!("its arguments: {error}")))?;
        grants.push(Grant::give(rt::env::ARGUMENTS, &arguments));
        given = Some(arguments);
    }
    let child = spawner
        .spawn(&service.name, &service.binary, &grants)
        .map_err(|error| named(alloc::format!("cannot start `{}`: {error}", service.binary)))?;
    drop(given); // Moved to the child by the grant; before that it had to stay.
    let ended = child
        .handle
        .start_wait()
        .map_err(|error| named(alloc::format!("{error}")))?;
    Ok((child, ended))
}
