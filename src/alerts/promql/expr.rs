//! Puts expressions of PromQL together, with parentheses only where they are needed.

use std::fmt;

use crate::metrics::exposition::numbers::push_float;

/// An expression of PromQL.
#[derive(Clone, Debug)]
pub(super) struct Expr {
    text: String,
    rank: Rank,
}

/// How tightly the outermost operator of an expression binds, from the loosest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Or,
    /// Also `unless`.
    And,
    Compare,
    Add,
    Multiply,
    /// Without an operator.
    Whole,
}

// === impl Expr ===

impl Expr {
    pub(super) fn number(value: f64) -> Self {
        Self::whole(number(value))
    }

    /// A selector, or something else that holds together.
    pub(super) fn whole(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            rank: Rank::Whole,
        }
    }

    /// A function or an aggregation over the whole expression. `before` is the argument that comes first, if there is one.
    pub(super) fn call(function: &str, before: Option<f64>, argument: impl fmt::Display) -> Self {
        Self::whole(match before {
            Some(before) => format!("{function}({}, {argument})", number(before)),
            None => format!("{function}({argument})"),
        })
    }

    /// An aggregation that keeps these labels apart. Without labels it gives one number.
    pub(super) fn by(aggregation: &str, labels: &[&str], argument: impl fmt::Display) -> Self {
        match labels {
            [] => Self::call(aggregation, None, argument),
            labels => Self::whole(format!(
                "{aggregation} by ({}) ({argument})",
                labels.join(", ")
            )),
        }
    }

    /// The expression, or the least that it may be.
    pub(super) fn at_least(self, least: f64) -> Self {
        Self::whole(format!("clamp_min({self}, {})", number(least)))
    }

    pub(super) fn times(self, other: Self) -> Self {
        self.joined("*", other, Rank::Multiply)
    }

    pub(super) fn over(self, other: Self) -> Self {
        self.joined("/", other, Rank::Multiply)
    }

    pub(super) fn plus(self, other: Self) -> Self {
        self.joined("+", other, Rank::Add)
    }

    pub(super) fn minus(self, other: Self) -> Self {
        self.joined("-", other, Rank::Add)
    }

    /// Only where a comparison such as `>` holds.
    pub(super) fn compared(self, operator: &str, other: Self) -> Self {
        self.joined(operator, other, Rank::Compare)
    }

    pub(super) fn above(self, threshold: f64) -> Self {
        self.compared(">", Self::number(threshold))
    }

    /// Only where the other one has a sample with the same labels.
    pub(super) fn and(self, other: Self) -> Self {
        self.joined("and", other, Rank::And)
    }

    /// Only if the other one has a sample without labels.
    pub(super) fn and_once(self, other: Self) -> Self {
        self.joined("and on ()", other, Rank::And)
    }

    pub(super) fn unless(self, other: Self) -> Self {
        self.joined("unless", other, Rank::And)
    }

    pub(super) fn or(self, other: Self) -> Self {
        self.joined("or", other, Rank::Or)
    }

    /// No number in place of each sample.
    pub(super) fn none_of(self) -> Self {
        Self::number(0.0).times(self)
    }

    /// Operators of the same rank are taken from the left.
    fn joined(self, operator: &str, other: Self, rank: Rank) -> Self {
        let left = self.in_parentheses(self.rank < rank);
        let right = other.in_parentheses(other.rank <= rank);
        Self {
            text: format!("{left} {operator} {right}"),
            rank,
        }
    }

    fn in_parentheses(&self, needed: bool) -> String {
        match needed {
            true => format!("({self})"),
            false => self.text.clone(),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A number as `/metrics` writes it.
pub(super) fn number(value: f64) -> String {
    let mut text = String::new();
    push_float(&mut text, value);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parentheses_stand_only_where_the_meaning_needs_them() {
        let one = |name: &str| Expr::whole(name);
        let sum = one("a").minus(one("b"));
        for (expr, text) in [
            (sum.clone().over(one("c")), "(a - b) / c"),
            (one("c").over(one("a").times(one("b"))), "c / (a * b)"),
            (one("c").times(one("a")).over(one("b")), "c * a / b"),
            (one("c").minus(sum.clone()), "c - (a - b)"),
            (sum.clone().above(1.5), "a - b > 1.5"),
            (sum.or(one("c")).and(one("d")), "(a - b or c) and d"),
            (
                one("a")
                    .above(1.0)
                    .and(one("b").above(2.0))
                    .unless(one("c")),
                "a > 1 and b > 2 unless c",
            ),
            (one("a").or(one("b").and(one("c"))), "a or b and c"),
            (
                one("a").and(one("b").unless(one("c"))),
                "a and (b unless c)",
            ),
        ] {
            assert_eq!(expr.to_string(), text);
        }
    }
}
