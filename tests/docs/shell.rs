//! The commands in a block of shell: words only, as far as documentation goes.

use lithify::recognise::only;

/// The words of each command: of a list, of a pipeline, and of what a `for` or a function does. What is redirected and
/// commented is left out; a command substitution is one word.
pub fn commands(text: &str) -> Vec<Vec<String>> {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().map(|line| line.trim().trim_start_matches("$ ")).filter(|line| !line.starts_with('#'));
    let mut commands = Vec::new();
    for line in lines {
        let line = line.split(" #").next().unwrap_or_default();
        let line = line.replace("$(docker create \"$IMAGE\")", "ID").replace("$(docker create registry", "(registry");
        let line = line.replace("\"$@\"", "");
        for part in [" | ", " && ", "; "]
            .iter()
            .fold(vec![line.as_str()], |parts, end| parts.into_iter().flat_map(|part| part.split(end)).collect())
        {
            if let Ok(words) = only::split(part.trim_end_matches(')')) {
                let ends = |word: &String| word.starts_with('>') || word.starts_with("2>") || word == "&";
                commands.push(words.into_iter().take_while(|word| !ends(word)).collect());
            }
        }
    }
    commands
}
