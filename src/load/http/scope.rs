//! Which names stand for something where: what a step of a scenario captures, the steps after it can send.

use super::template::{Slots, Template};
use crate::model::RequestTemplate;
use std::collections::BTreeSet;

/// What can be filled into a request, and into those after it.
pub struct InScope {
    pub before: Slots,
    pub after: Slots,
}

/// For each request. Every scenario has numbers of its own: what one has captured is not another's.
pub fn slots(templates: &[RequestTemplate]) -> Vec<InScope> {
    let (mut known, mut count) = (Slots::new(), 0);
    let mut in_scope = |template: &RequestTemplate| {
        if !template.follows {
            known.clear();
        }
        let before = known.clone();
        for name in template.capture.keys() {
            known.entry(name.clone()).or_insert_with(|| {
                count += 1;
                count - 1
            });
        }
        InScope { before, after: known.clone() }
    };
    templates.iter().map(&mut in_scope).collect()
}

/// Names in double braces that stand for nothing and are sent as they are, each once.
pub fn names_left(requests: &[RequestTemplate]) -> Vec<String> {
    let mut names = BTreeSet::new();
    for (request, slots) in requests.iter().zip(slots(requests)) {
        let headers = request.headers.iter().map(|(_, value)| value);
        for text in [&request.path, &request.body].into_iter().chain(headers) {
            names.extend(Template::parse(text.as_bytes(), &slots.before).names_left().map(str::to_owned));
        }
    }
    names.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Capture;

    fn step(path: &str, captures: &[&str], follows: bool) -> RequestTemplate {
        let capture = captures.iter().map(|name| ((*name).to_owned(), Capture::Header("X".into()))).collect();
        RequestTemplate { path: path.into(), capture, follows, body: String::new(), ..RequestTemplate::default() }
    }

    #[test]
    fn a_name_stands_for_what_an_earlier_step_of_its_own_scenario_captured() {
        let steps = [
            step("/{{a}}", &["a"], false),
            step("/{{a}}", &["a", "b"], true),
            step("/{{a}}{{b}}", &[], true),
            step("/{{b}}", &["a"], false),
        ];
        let numbers =
            |slots: &Slots| slots.iter().map(|(name, slot)| format!("{name}{slot}")).collect::<Vec<_>>().join(" ");
        let all: Vec<_> = slots(&steps).iter().map(|one| (numbers(&one.before), numbers(&one.after))).collect();
        let expected = [("", "a0"), ("a0", "a0 b1"), ("a0 b1", "a0 b1"), ("", "a2")];
        assert_eq!(all, expected.map(|(before, after)| (before.to_owned(), after.to_owned())));
        assert_eq!(names_left(&steps[..3]), ["a"], "of the first step");
        assert_eq!(names_left(&steps[2..]), ["a", "b"]);
    }
}
