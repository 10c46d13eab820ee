//! uv's own words, taken apart.

/// The last error that uv reported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Report {
    pub(crate) error: String,
    /// From near to far; several lines each, without their indentation.
    pub(crate) causes: Vec<String>,
    pub(crate) hints: Vec<String>,
    /// Everything from `error:` on.
    pub(crate) text: String,
}

/// What a further line belongs to.
enum Part {
    Error,
    Cause,
    Hint,
}

impl Report {
    pub(crate) fn parse(text: &str) -> Report {
        let start = text
            .starts_with("error:")
            .then_some(0)
            .or_else(|| text.find("\nerror:").map(|at| at + 1));
        let mut report = Report {
            text: start
                .and_then(|at| text.get(at..))
                .unwrap_or(text)
                .to_owned(),
            ..Report::default()
        };
        if start.is_some() {
            report.take_apart();
        }
        report
    }

    fn take_apart(&mut self) {
        let mut part = Part::Error;
        for line in self.text.clone().lines() {
            let trimmed = line.trim();
            if let Some(error) = line.strip_prefix("error:") {
                error.trim().clone_into(&mut self.error);
                part = Part::Error;
            } else if let Some(cause) = trimmed.strip_prefix("cause:") {
                self.causes.push(cause.trim().to_owned());
                part = Part::Cause;
            } else if let Some(hint) = line.strip_prefix("hint:") {
                self.hints.push(hint.trim().to_owned());
                part = Part::Hint;
            } else {
                let into = match part {
                    Part::Error => Some(&mut self.error),
                    Part::Cause => self.causes.last_mut(),
                    Part::Hint => self.hints.last_mut(),
                };
                if let Some(into) = into.filter(|_| !trimmed.is_empty()) {
                    into.push('\n');
                    into.push_str(line.strip_prefix("         ").unwrap_or(trimmed).trim_end());
                }
            }
        }
    }

    pub(crate) fn says(&self, words: &str) -> bool {
        self.text.contains(words)
    }

    /// Everything, for searching.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.lines().map(str::trim)
    }

    /// `name==version` in `` Failed to build `name==version` ``, or the name alone.
    pub(crate) fn subject(&self) -> Option<(&str, &str)> {
        let quoted = self
            .lines()
            .find(|line| line.contains("Failed to build") || line.contains("Failed to download"))?
            .split('`')
            .nth(1)?;
        let quoted = quoted.split(" @ ").next().unwrap_or(quoted);
        Some(quoted.split_once("==").unwrap_or((quoted, "")))
    }
}
