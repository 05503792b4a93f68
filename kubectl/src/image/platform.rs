//! Operating system and processor of an image, in the words of the OCI image specification (those of Go).

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use lithify::text::escape::escape;

/// A platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    /// That of this machine.
    pub(super) fn here() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            "powerpc64" => "ppc64le",
            "loongarch64" => "loong64",
            other => other,
        };
        Self { os: "linux".to_owned(), architecture: architecture.to_owned(), variant: None }
    }

    /// That of a descriptor or of an image's configuration, which have the same keys.
    pub(super) fn of(json: &Value) -> Option<Self> {
        let text = |key: &str| json.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let (os, architecture) = (text("os")?.to_owned(), text("architecture")?.to_owned());
        Some(Self { os, architecture, variant: text("variant").map(str::to_owned) }.normal())
    }

    /// arm64 is v8 where nothing is said.
    fn normal(mut self) -> Self {
        if self.architecture == "arm64" && self.variant.as_deref() == Some("v8") {
            self.variant = None;
        }
        self
    }

    /// Whether an image for `other` is one for this: a variant that is not asked for does not matter.
    fn takes(&self, other: &Self) -> bool {
        self.os == other.os
            && self.architecture == other.architecture
            && (self.variant.is_none() || self.variant == other.variant)
    }

    /// Those of `found` that are for this platform: the very same, if there are any.
    pub(super) fn choose<'f, T>(&self, found: &'f [(Option<Self>, T)]) -> Vec<&'f T> {
        let those = |matches: &dyn Fn(&Self) -> bool| -> Vec<&'f T> {
            found.iter().filter(|(known, _)| known.as_ref().is_some_and(matches)).map(|(_, image)| image).collect()
        };
        let same = those(&|known| known == self);
        if same.is_empty() { those(&|known| self.takes(known)) } else { same }
    }
}

impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts.as_slice() {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant)),
            _ => return Err("it is OS/ARCH or OS/ARCH/VARIANT, such as linux/arm64".to_owned()),
        };
        if parts.iter().any(|part| part.is_empty()) {
            return Err("a part of it is empty: it is OS/ARCH, such as linux/arm64".to_owned());
        }
        let variant = variant.map(|variant| (*variant).to_owned());
        Ok(Self { os: (*os).to_owned(), architecture: (*architecture).to_owned(), variant }.normal())
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variant = self.variant.as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
        to.write_str(&escape(format!("{}/{}{variant}", self.os, self.architecture).as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_matched() {
        let platform = |text: &str| text.parse::<Platform>().unwrap();
        let found: Vec<(Option<Platform>, &str)> =
            ["linux/amd64", "linux/arm64/v8", "linux/arm/v6", "linux/arm/v7", "linux/amd64/v3"]
                .into_iter()
                .map(|text| (Some(platform(text)), text))
                .collect();
        let chosen = |text: &str| platform(text).choose(&found).into_iter().copied().collect::<Vec<_>>().join(" ");
        assert_eq!(chosen("linux/amd64"), "linux/amd64");
        assert_eq!(chosen("linux/arm64"), "linux/arm64/v8");
        assert_eq!(chosen("linux/arm"), "linux/arm/v6 linux/arm/v7");
        assert_eq!(chosen("linux/arm/v7"), "linux/arm/v7");
        assert_eq!(chosen("windows/amd64"), "");
        for wrong in ["", "linux", "linux/", "/amd64", "a/b/c/d"] {
            assert!(wrong.parse::<Platform>().is_err(), "{wrong}");
        }
    }
}
