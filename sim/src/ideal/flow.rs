//! The largest flow from classes of threads to CPUs, and the cut that says who wants too much.

use std::collections::VecDeque;

/// A network: each class has so much to give, each CPU takes one.
pub(super) struct Network<'n> {
    /// The CPUs of each class.
    edges: Vec<&'n [usize]>,
    /// What each class has still to give.
    left: Vec<f64>,
    /// What each CPU can still take.
    room: Vec<f64>,
    /// What each CPU has from each class.
    flow: Vec<Vec<f64>>,
}

impl<'n> Network<'n> {
    pub(super) fn new(edges: impl Iterator<Item = &'n [usize]>, wanted: &[f64], cpus: usize) -> Network<'n> {
        Network {
            edges: edges.collect(),
            left: wanted.to_vec(),
            room: vec![1.0; cpus],
            flow: vec![vec![0.0; wanted.len()]; cpus],
        }
    }

    /// `None` when everybody gets what it wants; else a set of classes that together want more than their CPUs have.
    pub(super) fn who_wants_too_much(mut self, epsilon: f64) -> Option<Vec<bool>> {
        // Shortest paths first (Edmonds and Karp, JACM 1972), so that it ends whatever the numbers are.
        loop {
            let (reached, path) = self.search(epsilon);
            match path {
                Some(path) => self.send(&path),
                None => return reached.contains(&true).then_some(reached),
            }
        }
    }

    /// From the classes that have something left: which classes can be reached, and the shortest path to a CPU that has
    /// room, as pairs of a class and the CPU it gives to.
    fn search(&self, epsilon: f64) -> (Vec<bool>, Option<Vec<(usize, usize)>>) {
        let mut reached: Vec<bool> = self.left.iter().map(|left| *left > epsilon).collect();
        // The pair through which a class was reached, and the class from which a CPU was.
        let mut before: Vec<Option<usize>> = vec![None; self.edges.len()];
        let mut from: Vec<Option<usize>> = vec![None; self.room.len()];
        let mut queue: VecDeque<usize> = (0..reached.len()).filter(|class| reached[*class]).collect();
        while let Some(class) = queue.pop_front() {
            for cpu in self.edges[class] {
                if from[*cpu].is_some() {
                    continue;
                }
                from[*cpu] = Some(class);
                if self.room[*cpu] > epsilon {
                    return (reached, Some(path(*cpu, &from, &before)));
                }
                for other in 0..reached.len() {
                    if !reached[other] && self.flow[*cpu][other] > epsilon {
                        reached[other] = true;
                        before[other] = Some(*cpu);
                        queue.push_back(other);
                    }
                }
            }
        }
        (reached, None)
    }

    /// Sends as much as goes along a path, whose first pair is the last: each class gives its CPU what it takes back from
    /// the CPU before.
    fn send(&mut self, path: &[(usize, usize)]) {
        let Some(((source, _), (_, target))) = path.last().copied().zip(path.first().copied()) else {
            return;
        };
        let back = path.windows(2).map(|pair| self.flow[pair[1].1][pair[0].0]);
        let most = back.fold(self.left[source].min(self.room[target]), f64::min);
        self.left[source] -= most;
        self.room[target] -= most;
        for (class, cpu) in path {
            self.flow[*cpu][*class] += most;
        }
        for pair in path.windows(2) {
            self.flow[pair[1].1][pair[0].0] -= most;
        }
    }
}

/// The path that ends at a CPU, backwards.
fn path(cpu: usize, from: &[Option<usize>], before: &[Option<usize>]) -> Vec<(usize, usize)> {
    let mut path = Vec::new();
    let mut at = Some(cpu);
    while let Some(cpu) = at {
        let Some(class) = from[cpu] else { break };
        path.push((class, cpu));
        at = before[class];
    }
    path
}
