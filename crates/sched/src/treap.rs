//! An ordered set of boxes that carry their own links: a treap (Seidel and Aragon 1996). Rules B2 and B3.
//!
//! A treap is a search tree by key and a heap by priority. With scattered priorities it has the shape of a random
//! search tree, so paths are short (about 1.4 log2 n on average) whatever the order of operations.
//!
//! Nothing allocates: a node arrives boxed, with its links inside, and leaves the same way. Nothing recurses: the
//! way down is kept *in the tree itself*. While we walk, each node on the path holds its parent in the slot of the
//! child we went to; walking back puts every link right again and lets each node refresh what it knows about its
//! subtree. This "zipper" (Huet 1997) needs neither parent pointers nor `unsafe`.

use alloc::boxed::Box;
use core::cmp::Ordering;
use core::marker::PhantomData;
use core::mem;

/// The two children of a node.
#[derive(Debug)]
pub struct Links<N> {
    left: Option<Box<N>>,
    right: Option<Box<N>>,
}

impl<N> Links<N> {
    /// Links of a node that is in no tree.
    #[must_use]
    pub const fn none() -> Links<N> {
        Links {
            left: None,
            right: None,
        }
    }

    /// The subtree of smaller keys.
    #[must_use]
    pub fn left(&self) -> Option<&N> {
        self.left.as_deref()
    }

    /// The subtree of larger keys.
    #[must_use]
    pub fn right(&self) -> Option<&N> {
        self.right.as_deref()
    }

    fn slot(&mut self, side: Side) -> &mut Option<Box<N>> {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }
}

impl<N> Default for Links<N> {
    fn default() -> Links<N> {
        Links::none()
    }
}

/// What can live in a [`Treap`].
pub trait Node: Sized {
    /// A scattered number; larger is nearer to the root.
    fn priority(&self) -> u64;
    /// The links.
    fn links(&self) -> &Links<Self>;
    /// The links, to be changed by the tree only.
    fn links_mut(&mut self) -> &mut Links<Self>;
    /// Called when the node's subtree has changed: the place to recompute a summary from the two children.
    fn refresh(&mut self) {}
}

/// By what the nodes of a [`Treap`] are ordered. The same boxes may be ordered by one thing in one tree and by another in the
/// next.
pub trait Order<N> {
    /// What is compared. It must not change while the node is in a tree, and no two nodes of a tree may share it.
    type Key: Ord + Copy;

    /// The key of a node.
    fn key(node: &N) -> Self::Key;
}

/// A set of `Box<N>`, ordered by `O`.
#[derive(Debug)]
pub struct Treap<N, O> {
    root: Option<Box<N>>,
    len: usize,
    order: PhantomData<O>,
}

#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

impl Side {
    /// Where a key belongs below `node`.
    fn of<N, O: Order<N>>(key: O::Key, node: &N) -> Side {
        if key < O::key(node) {
            Side::Left
        } else {
            Side::Right
        }
    }

    const fn other(self) -> Side {
        match self {
            Side::Left => Side::Right,
            Side::Right => Side::Left,
        }
    }
}

/// The way back to the root: the lowest ancestor, which holds the next one in the slot we came through.
type Path<N> = Option<Box<N>>;

impl<N: Node, O: Order<N>> Treap<N, O> {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Treap<N, O> {
        Treap {
            root: None,
            len: 0,
            order: PhantomData,
        }
    }

    /// How many nodes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// The node whose summary covers the whole set.
    #[must_use]
    pub fn root(&self) -> Option<&N> {
        self.root.as_deref()
    }

    /// The node with the smallest key.
    #[must_use]
    pub fn first(&self) -> Option<&N> {
        let mut node = self.root()?;
        while let Some(left) = node.links().left() {
            node = left;
        }
        Some(node)
    }

    /// The node with the smallest key above `key`.
    #[must_use]
    pub fn after(&self, key: O::Key) -> Option<&N> {
        let mut best = None;
        let mut at = self.root();
        while let Some(node) = at {
            if O::key(node) > key {
                best = Some(node);
                at = node.links().left();
            } else {
                at = node.links().right();
            }
        }
        best
    }

    /// The nodes in ascending order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = &N> {
        core::iter::successors(self.first(), |node| self.after(O::key(node)))
    }

    /// The node with this key.
    #[must_use]
    pub fn get(&self, key: O::Key) -> Option<&N> {
        let mut at = self.root();
        while let Some(node) = at {
            at = match key.cmp(&O::key(node)) {
                Ordering::Equal => return Some(node),
                Ordering::Less => node.links().left(),
                Ordering::Greater => node.links().right(),
            };
        }
        None
    }

    /// Puts a node in.
    #[inline]
    pub fn insert(&mut self, mut node: Box<N>) {
        match self.root.take() {
            Some(root) => self.insert_below(root, node),
            // As most often: two threads take turns.
            None => {
                node.refresh();
                self.root = Some(node);
                self.len = 1;
            }
        }
    }

    #[inline(never)]
    fn insert_below(&mut self, root: Box<N>, mut node: Box<N>) {
        let key = O::key(&node);
        let (_, mut path) = descend(Some(root), |at| {
            debug_assert!(O::key(at) != key, "two nodes with one key");
            Some(Side::of::<N, O>(key, at))
        });
        node.refresh();
        // The node starts as a leaf and rotates up past every ancestor of lower priority.
        while let Some(mut parent) = path {
            let side = Side::of::<N, O>(key, &parent);
            path = parent.links_mut().slot(side).take();
            if parent.priority() >= node.priority() {
                *parent.links_mut().slot(side) = Some(node);
                parent.refresh();
                self.root = climb::<N, O>(Some(parent), path, key);
                self.len += 1;
                return;
            }
            *parent.links_mut().slot(side) = node.links_mut().slot(side.other()).take();
            parent.refresh();
            *node.links_mut().slot(side.other()) = Some(parent);
            node.refresh();
        }
        self.root = Some(node);
        self.len += 1;
    }

    /// Takes the node with this key out; its links are empty afterwards.
    #[inline]
    pub fn remove(&mut self, key: O::Key) -> Option<Box<N>> {
        if self.len == 1 {
            // As most often: two threads take turns.
            let only = self.root.take_if(|only| O::key(only) == key)?;
            self.len = 0;
            return Some(only);
        }
        self.remove_among(key)
    }

    #[inline(never)]
    fn remove_among(&mut self, key: O::Key) -> Option<Box<N>> {
        let (found, path) = descend(self.root.take(), |at| {
            (O::key(at) != key).then(|| Side::of::<N, O>(key, at))
        });
        let Some(mut node) = found else {
            self.root = climb::<N, O>(None, path, key);
            return None;
        };
        let links = mem::take(node.links_mut());
        let (joined, path) = join(links, path);
        self.root = climb::<N, O>(joined, path, key);
        self.len -= 1;
        Some(node)
    }

    /// Takes the node with the smallest key out.
    pub fn remove_first(&mut self) -> Option<Box<N>> {
        let mut node = self.root.take()?;
        let mut path: Path<N> = None;
        while let Some(left) = node.links_mut().left.take() {
            node.links_mut().left = path;
            path = Some(node);
            node = left;
        }
        // Every ancestor was left to the left: no keys have to be compared on the way back.
        let mut subtree = node.links_mut().right.take();
        while let Some(mut parent) = path {
            path = mem::replace(&mut parent.links_mut().left, subtree);
            parent.refresh();
            subtree = Some(parent);
        }
        self.root = subtree;
        self.len -= 1;
        Some(node)
    }

    /// How many nodes the longest way down has.
    #[cfg(test)]
    pub(crate) fn depth(&self) -> usize {
        let mut level: alloc::vec::Vec<&N> = self.root.as_deref().into_iter().collect();
        let mut depth = 0;
        while !level.is_empty() {
            depth += 1;
            let below = level.iter().map(|node| node.links());
            level = below
                .flat_map(|links| [links.left(), links.right()])
                .flatten()
                .collect();
        }
        depth
    }

    /// The root, to be damaged by the tests of the checks.
    #[cfg(test)]
    pub(crate) fn root_mut(&mut self) -> Option<&mut N> {
        self.root.as_deref_mut()
    }

    /// Makes the set believe that it is larger than it is, for the tests of the checks.
    #[cfg(test)]
    pub(crate) const fn falsify_len(&mut self) {
        self.len += 1;
    }
}

impl<N: Node, O: Order<N>> Default for Treap<N, O> {
    fn default() -> Treap<N, O> {
        Treap::new()
    }
}

/// Walks down until `turn` says to stop or the tree ends; returns what is there and the way back.
fn descend<N: Node>(mut at: Option<Box<N>>, turn: impl Fn(&N) -> Option<Side>) -> (Option<Box<N>>, Path<N>) {
    let mut path = None;
    while let Some(mut node) = at {
        let Some(side) = turn(&node) else {
            return (Some(node), path);
        };
        at = mem::replace(node.links_mut().slot(side), path);
        path = Some(node);
    }
    (None, path)
}

/// Walks back to the root, hanging `subtree` where `path` came from, and returns the root.
fn climb<N: Node, O: Order<N>>(
    mut subtree: Option<Box<N>>,
    mut path: Path<N>,
    key: O::Key,
) -> Option<Box<N>> {
    while let Some(mut node) = path {
        let side = Side::of::<N, O>(key, &node);
        path = mem::replace(node.links_mut().slot(side), subtree);
        node.refresh();
        subtree = Some(node);
    }
    subtree
}

/// Joins the children of a removed node. The winner of each step becomes part of the path, entered on the side
/// where the removed key would be, so `climb` finds its way back by the same comparison.
fn join<N: Node>(links: Links<N>, mut path: Path<N>) -> (Option<Box<N>>, Path<N>) {
    let Links { mut left, mut right } = links;
    loop {
        match (left, right) {
            (None, rest) | (rest, None) => return (rest, path),
            (Some(mut low), Some(mut high)) => {
                if low.priority() > high.priority() {
                    left = mem::replace(low.links_mut().slot(Side::Right), path);
                    right = Some(high);
                    path = Some(low);
                } else {
                    right = mem::replace(high.links_mut().slot(Side::Left), path);
                    left = Some(low);
                    path = Some(high);
                }
            }
        }
    }
}
