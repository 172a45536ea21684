//! What the keys of a run's files mean: as JSON Schema, and as the tables of results/README.md. Both are made from the types
//! that are written, and from what is said beside their fields.

use super::json::{Manifest, ResultFile};
use crate::{
    analyse::compare::Comparison,
    events::Event,
    model::{Capacity, LoadEvent, Run, Visited},
};
use clap::ValueEnum;
use regex_lite::Regex;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value};
use std::{collections::BTreeSet, fmt::Write};

/// What can be described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Document {
    /// result.json
    Result,
    /// run.json
    Run,
    /// visits/*.json
    Visit,
    /// manifest.json
    Manifest,
    /// A line of `vscale bench --progress json`
    Event,
    /// A line of `vscale load --json`
    Load,
    /// What `vscale capacity --json` prints
    Capacity,
    /// What `vscale compare --json` prints
    Compare,
}

/// Each with what it describes, in the order of the reference.
const DOCUMENTS: [(Document, &str); 8] = [
    (Document::Result, "result.json"),
    (Document::Run, "run.json"),
    (Document::Visit, "visits/*.json"),
    (Document::Manifest, "manifest.json"),
    (Document::Event, "bench --progress json"),
    (Document::Load, "load --json"),
    (Document::Capacity, "capacity --json"),
    (Document::Compare, "compare --json"),
];

/// The JSON Schema (2020-12) of what is written.
pub fn json_schema(document: Document) -> Value {
    match document {
        Document::Result => schema::<ResultFile<'static>>(),
        Document::Run => schema::<Run>(),
        Document::Visit => schema::<Visited>(),
        Document::Manifest => schema::<Manifest<'static>>(),
        Document::Event => schema::<Event>(),
        Document::Load => schema::<LoadEvent>(),
        Document::Capacity => schema::<Capacity>(),
        Document::Compare => schema::<Comparison>(),
    }
}

fn schema<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    generator.into_root_schema_for::<T>().to_value()
}

/// Every key of every file: a table a type.
pub fn reference() -> String {
    let mut text = String::new();
    let mut told = BTreeSet::new();
    for (document, written) in DOCUMENTS {
        let root = json_schema(document);
        let title = root["title"].as_str().unwrap_or_default().to_owned();
        let _ = writeln!(text, "- `{written}`: [{title}](#{})", title.to_lowercase());
    }
    for (document, _) in DOCUMENTS {
        let root = json_schema(document);
        let title = root["title"].as_str().unwrap_or_default();
        let types = root["$defs"].as_object().into_iter().flatten();
        for (name, of) in std::iter::once((title, &root)).chain(types.map(|(name, of)| (name.as_str(), of))) {
            if told.insert(name.to_owned()) {
                text += &section(name, of);
            }
        }
    }
    text
}

/// A type: what it is, and its keys or its words.
fn section(name: &str, of: &Value) -> String {
    let mut text = format!("\n### {name}\n\n{}\n", said(of));
    let mut rows = rows(of, "");
    for variant in variants(of) {
        if let Some(word) = variant.get("const").and_then(Value::as_str) {
            let _ = write!(text, "\n- `{word}`: {}", said(variant));
        } else if variant.get("properties").is_some() {
            rows.extend(self::rows(variant, &tag(variant)));
        }
    }
    let is_list = text.contains("\n- `");
    text += if is_list { "\n" } else { "" };
    if !rows.is_empty() {
        let _ = write!(text, "\n| key | is | meaning |\n|---|---|---|\n{}", rows.concat());
    }
    text
}

fn variants(of: &Value) -> impl Iterator<Item = &Value> {
    ["oneOf", "anyOf"].into_iter().filter_map(|key| of.get(key)?.as_array()).flatten()
}

/// `closed` of a variant whose `kind` says so.
fn tag(variant: &Value) -> String {
    let properties = variant["properties"].as_object().into_iter().flatten();
    let mut words = properties.filter_map(|(key, value)| Some((key, value.get("const")?.as_str()?)));
    words.next().map_or_else(String::new, |(key, word)| format!("if `{key}` is `{word}`: "))
}

fn rows(of: &Value, when: &str) -> Vec<String> {
    let none = Map::new();
    let required: Vec<&str> = of["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let row = |(key, value): (&String, &Value)| {
        let absent = if required.contains(&key.as_str()) { "" } else { ", or absent" };
        format!("| `{key}` | {}{absent} | {when}{} |\n", kind(value), said(value))
    };
    let mut rows: Vec<String> = of["properties"].as_object().unwrap_or(&none).iter().map(row).collect();
    if let Some(also) = of.get("$ref").and_then(Value::as_str) {
        rows.push(format!("| ... | | {when}and the keys of {} |\n", link(also)));
    }
    rows
}

/// The type of a value, in words.
fn kind(value: &Value) -> String {
    if let Some(word) = value.get("const") {
        return format!("`{word}`");
    }
    if let Some(name) = value.get("$ref").and_then(Value::as_str) {
        return link(name);
    }
    let alternatives: Vec<String> = variants(value).map(kind).collect();
    if !alternatives.is_empty() {
        return alternatives.join(" or ");
    }
    let kinds = match &value["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect::<Vec<_>>(),
    };
    let of = |kind: &str| match kind {
        "array" if value.get("items").is_some() => format!("list of {}", self::kind(&value["items"])),
        "array" => {
            let places = value["prefixItems"].as_array().into_iter().flatten().map(self::kind);
            format!("list of {}", places.collect::<Vec<_>>().join(" and "))
        }
        "object" if value.get("additionalProperties").is_some() => {
            format!("{} by name", self::kind(&value["additionalProperties"]))
        }
        other => other.to_owned(),
    };
    kinds.into_iter().map(of).collect::<Vec<_>>().join(" or ")
}

/// A link to the section of a type.
fn link(reference: &str) -> String {
    let name = reference.rsplit('/').next().unwrap_or(reference);
    format!("[{name}](#{})", name.to_lowercase())
}

/// A description on one line, its links to code as code.
fn said(of: &Value) -> String {
    let text = of["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    let code = Regex::new(r"\[(`[^`\]]*`)\]").expect("a constant that the tests use");
    code.replace_all(&text, "$1").replace("`None`", "null").replace("Self::", "").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_has_a_schema_of_its_keys() {
        for (document, written) in DOCUMENTS {
            let schema = json_schema(document);
            assert!(schema.get("properties").is_some() || schema.get("oneOf").is_some(), "{written}: {schema}");
        }
        let result = json_schema(Document::Result);
        assert_eq!(result["properties"]["scaling"]["$ref"], "#/$defs/Scaling");
    }

    #[test]
    fn a_description_is_a_cell() {
        let of = serde_json::json!({ "description": "At [`Self::points`];\n`None` | nothing" });
        assert_eq!(said(&of), "At `points`; null \\| nothing");
    }
}
