//! Contexts that the shell made: it holds them, and so they live.

use alloc::format;
use alloc::string::{String, ToString};

use rt::context::{Context, Refused};
use rt::monitor::{Monitor, Supervisor};

use super::{Asked, Order, list};
use crate::Shell;
use crate::command::ThreadName;
use crate::look;
use crate::look::contexts::contexts;

/// A context that this shell made.
pub(crate) struct Kept {
    id: u64,
    context: Context,
}

impl Shell<'_> {
    /// Does what is asked.
    pub(crate) fn budget(&mut self, order: Order) -> Result<(), String> {
        match order {
            Order::List { json } => self.list_budgets(json),
            Order::Limit(asked) => self.make(&asked, false),
            Order::Reserve(asked) => self.make(&asked, true),
            Order::Bind(id, thread) => self.bind(id, thread),
            Order::Unbind(id) => {
                let answer = self.kept(id)?.context.unbind().map_err(told)?;
                answer.map_err(|refused| match refused {
                    Refused::Stale => gone(id),
                    _ => format!("context {id} is bound to no thread"),
                })
            }
            Order::Revoke(id) => {
                let answer = self.kept(id)?.context.revoke().map_err(told)?;
                // Whatever it answers, there is nothing left of it that would be worth keeping.
                self.kept.retain(|kept| kept.id != id);
                answer.map_err(|_| gone(id))
            }
        }
    }

    fn list_budgets(&self, json: bool) -> Result<(), String> {
        let monitor: Monitor = self.granted()?;
        let (contexts, capacities) = contexts(&monitor).map_err(told)?;
        // Taken after the look: nothing that was seen lies in its future.
        let now_ns = self.timer.now_ns().map_err(told)?;
        if json {
            let line = list::json(&contexts, &capacities, now_ns);
            self.screen.write(&line);
            self.screen.write("\n");
            return Ok(());
        }
        if contexts.is_empty() {
            self.screen.write("no scheduling contexts\n");
        } else {
            self.table(list::contexts(&contexts, now_ns));
        }
        self.table(list::capacities(&capacities));
        Ok(())
    }

    fn make(&mut self, asked: &Asked, is_reserved: bool) -> Result<(), String> {
        let time: Context = self.granted()?;
        let made = if is_reserved {
            asked.wish().carve(&time)
        } else {
            asked.wish().create(&time)
        };
        let context = made.map_err(told)?.map_err(|refusal| refusal.to_string())?;
        let id = context.identity().map_err(told)?.id;
        let place = if is_reserved {
            let cpu = context.usage(|usage| Ok(usage.get_cpu())).map_err(told)?;
            format!(" on CPU {cpu}")
        } else {
            String::new()
        };
        self.kept.push(Kept { id, context });
        self.screen.write(&format!(
            "context {id}{place}; `budget bind {id} PID.TID` gives it to a thread\n"
        ));
        Ok(())
    }

    fn bind(&self, id: u64, ThreadName { pid, tid }: ThreadName) -> Result<(), String> {
        let kept = self.kept(id)?;
        let supervisor: Supervisor = self.granted()?;
        let answer = supervisor.bind_context(pid, tid, &kept.context);
        let answer = answer.map_err(|error| crate::commands::no_thread(pid, tid, error))?;
        answer.map_err(|refused| match refused {
            Refused::AlreadyBound => self.already_bound(id, (pid, tid)),
            Refused::Stale => gone(id),
            Refused::NotLive | Refused::NoContext => format!("thread {pid}.{tid} ends"),
        })
    }

    /// Which of the two has another already, if that can be seen.
    fn already_bound(&self, id: u64, thread: (u32, u32)) -> String {
        let seen = self.granted::<Monitor>().ok();
        let contexts = seen.and_then(|monitor| contexts(&monitor).ok());
        let (contexts, _) = contexts.unwrap_or_default();
        let bound = contexts.iter().find(|context| context.id == id);
        if let Some((pid, tid)) = bound.and_then(|context| context.thread) {
            return format!("context {id} is bound to thread {pid}.{tid} already");
        }
        let (pid, tid) = thread;
        match contexts.iter().find(|context| context.thread == Some(thread)) {
            Some(other) => format!("thread {pid}.{tid} is bound to context {} already", other.id),
            None => format!("thread {pid}.{tid} works with somebody else's time at present"),
        }
    }

    fn kept(&self, id: u64) -> Result<&Kept, String> {
        let kept = self.kept.iter().find(|kept| kept.id == id);
        kept.ok_or_else(|| format!("context {id} is none that this shell made; `budget` lists all"))
    }

    /// Scheduling contexts beside what else is shown; none if they cannot be seen.
    pub(crate) fn contexts(&self) -> Result<alloc::vec::Vec<look::contexts::Context>, String> {
        let (contexts, _) = contexts(&self.granted()?).map_err(told)?;
        Ok(contexts)
    }
}

fn told(error: rt::Error) -> String {
    error.to_string()
}

fn gone(id: u64) -> String {
    format!("context {id} was revoked")
}
