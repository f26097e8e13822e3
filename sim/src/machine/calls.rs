//! Calls between simulated threads: who serves whom, answers, and callers that give up.

use sched::CpuId;

use super::Machine;
use super::program::Next;
use super::threads::{Index, Owned, Wish};
use crate::scenario::{EndpointId, Patience};

impl Machine {
    /// The running thread calls the server that has waited longest, or is listed.
    pub(super) fn call(&mut self, cpu: CpuId, own: Index, endpoint: EndpointId, patience: Patience) -> Next {
        // Whatever still works for it from before does not any more.
        self.call_ended(cpu, own);
        self.threads[own.at()].hangs_up = matches!(patience, Patience::Within(_));
        if let Some(server) = self.objects.call(endpoint, own) {
            self.clients.insert(server, own);
            self.call_received(cpu, own, server, false);
            self.grant(cpu, Some(server));
        }
        if let Patience::Within(span) | Patience::For(span) = patience {
            let until = self.read(cpu) + span;
            self.arm(cpu, own, until);
        }
        Next::Wait(Wish::Answer(endpoint))
    }

    /// The running thread answers whom it serves and takes the call that has waited longest, or is listed.
    pub(super) fn serve(&mut self, cpu: CpuId, thread: &mut Owned, endpoint: EndpointId) -> Next {
        let own = Index::of(thread.id());
        if let Some(client) = thread.payload.client.take() {
            self.answer(cpu, client, own);
        }
        let Some(client) = self.objects.serve(endpoint, own) else {
            return Next::Wait(Wish::Client(endpoint));
        };
        thread.payload.client = Some(client);
        self.call_received(cpu, client, own, true);
        Next::Go
    }

    /// A call is answered, or its server has ended, which is an answer too; unless it had ended before.
    pub(super) fn answer(&mut self, cpu: CpuId, client: Index, server: Index) {
        let record = &self.threads[client.at()];
        if !record.alive || record.server != Some(server) {
            return;
        }
        let is_waiting = matches!(record.wish, Wish::Answer(_)) && !record.granted;
        self.call_ended(cpu, client);
        if is_waiting {
            self.disarm(client);
            self.grant(cpu, Some(client));
        }
    }

    /// The caller has waited for as long as it wanted to. What it called may work on for it all the same.
    pub(super) fn gives_up(&mut self, cpu: CpuId, client: Index, endpoint: EndpointId) {
        let received = self.threads[client.at()].server.is_some();
        if !received || self.threads[client.at()].hangs_up {
            self.objects.forget(Wish::Answer(endpoint), client);
            self.clients.retain(|_, called| *called != client);
            self.call_ended(cpu, client);
        }
        self.threads[client.at()].granted = true;
    }

    fn disarm(&mut self, thread: Index) {
        if let Some((on, key)) = self.threads[thread.at()].armed.take() {
            self.threads[thread.at()].memory = self.sides[on as usize].deadlines.cancel(key);
        }
    }
}
