//! CEL as the API server evaluates it: the types `Object...` and `JSONPatch`, and the libraries of strings and lists.
//!
//! Not as there: types are not checked before evaluation (`types` does that), and there is no limit of cost.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cel::common::types::{CelStruct, Type};
use cel::common::value::{CowVal, Val};
use cel::{Context, Env, ExecutionError, StructType, Value as Cel};
use serde_json::{Map, Number, Value};

/// A type that may have any field, as those of admission have when they are made.
struct Dynamic(Type);

impl StructType for Dynamic {
    fn get_type(&self) -> &Type {
        &self.0
    }

    fn new_value<'b, 'v>(&self, fields: BTreeMap<String, CowVal<'b, 'v>>) -> Result<Box<dyn Val + 'v>, ExecutionError> {
        let mut made = CelStruct::new(self.0.name().to_owned());
        fields.into_iter().for_each(|(name, value)| made.add_field_value(name, value));
        Ok(Box::new(made))
    }
}

/// The names of the types that an expression makes: what stands before a brace.
fn types(expression: &str) -> Vec<String> {
    let before = expression.split('{').map(|text| {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
        text.rsplit(|c| !is_name(c)).next().unwrap().to_owned()
    });
    let mut names: Vec<String> = before.filter(|name| name == "JSONPatch" || name.starts_with("Object")).collect();
    names.sort();
    names.dedup();
    names
}

/// The value of an expression, where `variables` are the names that it may use.
pub fn evaluate(expression: &str, variables: &[(&str, Value)]) -> Result<Value, String> {
    let mut env = Env::stdlib();
    env.add_extension(cel::extensions::strings).unwrap();
    env.add_extension(cel::extensions::lists).unwrap();
    for name in types(expression) {
        env.add_type(Dynamic(Type::new_struct(name))).unwrap();
    }
    let env = Arc::new(env);
    let program = env.compile(expression).map_err(|error| error.to_string())?;
    let mut context = Context::with_env(env);
    for (name, value) in variables {
        context.add_variable_from_value(*name, to_cel(value));
    }
    from_cel(&program.execute(&context).map_err(|error| error.to_string())?, None)
}

fn to_cel(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(bool) => Cel::Bool(*bool),
        Value::Number(number) => number.as_i64().map_or_else(|| Cel::Float(number.as_f64().unwrap()), Cel::Int),
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(to_cel).collect::<Vec<_>>().into(),
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.clone(), to_cel(value))).collect::<HashMap<_, _>>().into()
        }
    }
}

/// As JSON. The type of an object must be that of what holds it, and its field's name: the server refuses others.
fn from_cel(value: &Cel, expected: Option<&str>) -> Result<Value, String> {
    Ok(match value {
        Cel::Null => Value::Null,
        Cel::Bool(bool) => Value::Bool(*bool),
        Cel::Int(number) => Value::Number(Number::from(*number)),
        Cel::String(text) => Value::String(text.to_string()),
        Cel::List(items) => items.iter().map(|item| from_cel(item, expected)).collect::<Result<_, _>>()?,
        Cel::Map(map) => {
            let entries = map.map.iter().map(|(key, value)| Ok((key.to_string(), from_cel(value, None)?)));
            Value::Object(entries.collect::<Result<Map<_, _>, String>>()?)
        }
        Cel::Struct(object) => {
            let name = object.name();
            if expected.is_some_and(|expected| expected != name) {
                return Err(format!("unexpected type {name}, expected {expected:?}"));
            }
            let mut fields = Map::new();
            for (field, value) in object.field_values() {
                let value: Cel = value.as_ref().try_into().map_err(|error: ExecutionError| error.to_string())?;
                let below = format!("{name}.{field}");
                let expected = name.starts_with("Object").then_some(below.as_str());
                fields.insert(field, from_cel(&value, expected)?);
            }
            Value::Object(fields)
        }
        other => return Err(format!("no JSON: {other:?}")),
    })
}

#[test]
fn the_evaluator_is_one() {
    let pod = serde_json::json!({ "spec": { "containers": [{ "name": "a" }, { "name": "b" }] } });
    let of = |expression: &str| evaluate(expression, &[("object", pod.clone())]);
    assert_eq!(of("object.spec.containers.map(c, c.name).join(', ')").unwrap(), "a, b");
    assert_eq!(of("has(object.spec.volumes) ? 1 : 2").unwrap(), 2);
    assert!(of("object.spec.volumes").unwrap_err().contains("volumes"));
    assert!(of("object.spec.").is_err() && of("nothing").is_err());
    let patch = of("[JSONPatch{op: 'add', path: '/x', value: Object.x{y: [Object.x.y{z: true}]}}]").unwrap();
    assert_eq!(patch, serde_json::json!([{ "op": "add", "path": "/x", "value": { "y": [{ "z": true }] } }]));
    // As the server does, a name that is not that of the field is refused.
    assert!(of("Object.x{y: Object.x.wrong{}}").unwrap_err().contains("unexpected type"));
}
