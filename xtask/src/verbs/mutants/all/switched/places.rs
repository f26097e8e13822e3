//! Where mutants are woven into a file: the part of the text that a mutant changes is looked up in the file's syntax, because what is
//! switched has to be a whole expression, an arm of a match or the beginning of a body.

use super::super::tool::{Genre, Listed, Place};
use anyhow::{Context, Result};
use proc_macro2::LineColumn;
use std::collections::BTreeMap;
use std::ops::Range;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// How a mutant goes into the text; offsets are bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Site {
    /// This expression, or the same with `change` replaced.
    Expression {
        whole: Range<usize>,
        change: Range<usize>,
    },
    /// A body that is not entered: what it answers stands before its first statement.
    Body { start: usize },
    /// An arm that does not match: a guard before its arrow.
    Arm { arrow: usize },
}

/// Finds the sites of a file.
pub(super) struct Sites {
    lines: Vec<usize>,
    found: Found,
}

/// By kind and the place at which the change begins: the expression that is switched, or the arrow of an arm.
#[derive(Default)]
struct Found {
    expressions: BTreeMap<(Genre, Place), (LineColumn, LineColumn)>,
    arms: BTreeMap<Place, LineColumn>,
    /// The outermost operation that the operands belong to that are looked at now.
    chain: Option<(LineColumn, LineColumn)>,
}

impl Sites {
    pub(super) fn of(text: &str) -> Result<Sites> {
        let file = syn::parse_file(text).context("no Rust")?;
        let mut found = Found::default();
        found.visit_file(&file);
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        Ok(Sites {
            lines: lines.collect(),
            found,
        })
    }

    /// Where a mutant goes; none when it is in a constant, where nothing can be switched, or in another odd place.
    pub(super) fn find(&self, text: &str, listed: &Listed) -> Option<Site> {
        let change = self.offset(text, listed.start)?..self.offset(text, listed.end)?;
        match listed.genre {
            Genre::FnValue => Some(Site::Body { start: change.start }),
            Genre::MatchArm => {
                let arrow = self.offset(text, Place::from(*self.found.arms.get(&listed.start)?))?;
                Some(Site::Arm { arrow })
            }
            Genre::BinaryOperator | Genre::UnaryOperator | Genre::MatchArmGuard | Genre::StructField => {
                let (from, to) = *self.found.expressions.get(&(listed.genre, listed.start))?;
                let whole = self.offset(text, from.into())?..self.offset(text, to.into())?;
                Some(Site::Expression { whole, change })
            }
            Genre::Other => None,
        }
    }

    fn offset(&self, text: &str, place: Place) -> Option<usize> {
        let line = *self.lines.get(place.line.checked_sub(1)?)?;
        let letters = text.get(line..)?.char_indices();
        let at = letters.map(|(at, _)| at).nth(place.column.checked_sub(1)?);
        Some(at.map_or(text.len(), |at| line + at))
    }
}

impl Found {
    fn expression(&mut self, genre: Genre, change: &impl Spanned, whole: (LineColumn, LineColumn)) {
        let start = Place::from(change.span().start());
        self.expressions.insert((genre, start), whole);
    }

    /// Looks at an expression that stands by itself, however deep in others.
    fn apart(&mut self, look: impl FnOnce(&mut Found)) {
        let chain = self.chain.take();
        look(self);
        self.chain = chain;
    }
}

fn range(of: &impl Spanned) -> (LineColumn, LineColumn) {
    (of.span().start(), of.span().end())
}

/// Whether a condition binds names, so that it cannot stand in brackets.
fn binds(expression: &syn::Expr) -> bool {
    match expression {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) => binds(&binary.left) || binds(&binary.right),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Found {
    fn visit_expr(&mut self, expression: &'ast syn::Expr) {
        match expression {
            // The whole chain of operations is switched: with another operator it may be read in another order.
            syn::Expr::Binary(binary) if !binds(expression) => {
                let chain = *self.chain.get_or_insert(range(binary));
                self.expression(Genre::BinaryOperator, &binary.op, chain);
                for side in [&*binary.left, &*binary.right] {
                    match side {
                        syn::Expr::Binary(_) => self.visit_expr(side),
                        _ => self.apart(|found| found.visit_expr(side)),
                    }
                }
                if chain == range(binary) {
                    self.chain = None;
                }
            }
            _ => self.apart(|found| visit::visit_expr(found, expression)),
        }
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        self.expression(Genre::UnaryOperator, &unary.op, range(unary));
        visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_struct(&mut self, structure: &'ast syn::ExprStruct) {
        for field in structure.fields.iter().filter(|_| structure.rest.is_some()) {
            self.expression(Genre::StructField, field, range(structure));
        }
        visit::visit_expr_struct(self, structure);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        match &arm.guard {
            None => {
                let arrow = arm.fat_arrow_token.span().start();
                self.arms.insert(arm.span().start().into(), arrow);
            }
            Some((_, guard)) if !binds(guard) => {
                self.expression(Genre::MatchArmGuard, guard, range(guard));
            }
            Some(_) => {}
        }
        visit::visit_arm(self, arm);
    }

    // What is computed while it is compiled cannot be switched when it runs.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_generic_argument(&mut self, _: &'ast syn::GenericArgument) {}
    fn visit_variant(&mut self, _: &'ast syn::Variant) {}
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
    }
}
