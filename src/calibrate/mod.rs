//! The tool measures itself: targets whose limit is known, and how often its verdict is right. `cases` has them as data, drawn
//! by a seed; `compose` writes each as the compose file that a person would write; `score` compares. Pure: who carries them
//! out is in `commands/`.

mod cases;
mod compose;
mod score;

pub use cases::{Case, Side, cases, names};
pub use compose::{Variant, compose_file};
pub use score::{CaseResult, Estimated, Matrix, Outcome, score};
