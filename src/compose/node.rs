//! A compose file as a tree that remembers where each of its nodes stands, whatever it was merged from.

use std::collections::BTreeMap;

/// The keys of a mapping, by name: their order means nothing in a compose file.
pub(super) type Mapping = BTreeMap<String, Node>;

/// A value; below a key its place is the key's.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) mark: Mark,
    pub(super) content: Content,
}

/// File (by its number among those that were read), line and column; from 1 on, and line 0 is nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// What a tag says about merging.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mark {
    #[default]
    None,
    /// `!reset`: what other files say here is gone, and so is this.
    Reset,
    /// `!override`: this replaces what other files say here.
    Override,
}

/// What a node holds. Numbers are texts, as Compose writes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Content {
    #[default]
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Mapping),
}

/// Where it stands does not make it another.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.content == other.content
    }
}

impl Node {
    pub(super) fn new(place: Place, content: Content) -> Self {
        Self { place, mark: Mark::None, content }
    }

    pub(super) fn text(place: Place, text: impl Into<String>) -> Self {
        Self::new(place, Content::Text(text.into()))
    }

    pub(super) fn map(place: Place, entries: impl IntoIterator<Item = (&'static str, Node)>) -> Self {
        Self::new(place, Content::Map(entries.into_iter().map(|(key, node)| (key.to_owned(), node)).collect()))
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.content, Content::Null)
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        if let Content::Text(text) = &self.content { Some(text) } else { None }
    }

    /// A string, number or boolean as text.
    pub(super) fn scalar(&self) -> Option<String> {
        match &self.content {
            Content::Text(text) | Content::Number(text) => Some(text.clone()),
            Content::Bool(truth) => Some(truth.to_string()),
            _ => None,
        }
    }

    pub(super) fn as_map(&self) -> Option<&Mapping> {
        if let Content::Map(map) = &self.content { Some(map) } else { None }
    }

    pub(super) fn as_map_mut(&mut self) -> Option<&mut Mapping> {
        if let Content::Map(map) = &mut self.content { Some(map) } else { None }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key)
    }

    /// What is to be reset has been: it goes.
    pub(super) fn without_resets(&mut self) {
        match &mut self.content {
            Content::Map(map) => {
                map.retain(|_, node| node.mark != Mark::Reset);
                map.values_mut().for_each(Node::without_resets);
            }
            Content::List(items) => {
                items.retain(|node| node.mark != Mark::Reset);
                items.iter_mut().for_each(Node::without_resets);
            }
            _ => {}
        }
    }
}
