//! netrc: user names and passwords by host.
//!
//! Spec: <https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html>

use std::fmt;

/// Who to be at a host.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Login {
    /// `None` is every host.
    host: Option<String>,
    pub(crate) user: String,
    pub(crate) password: String,
}

/// All entries of a netrc file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Netrc(Vec<Login>);

impl Netrc {
    /// What cannot be understood is left out.
    pub(crate) fn parse(text: &str) -> Netrc {
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        let mut words = lines.flat_map(str::split_whitespace);
        let mut logins: Vec<Login> = Vec::new();
        while let Some(word) = words.next() {
            match word {
                "machine" => logins.push(Login {
                    host: words.next().map(str::to_owned),
                    ..Login::default()
                }),
                "default" => logins.push(Login::default()),
                "login" | "password" => {
                    let value = words.next().unwrap_or_default().to_owned();
                    if let Some(login) = logins.last_mut() {
                        *(if word == "login" {
                            &mut login.user
                        } else {
                            &mut login.password
                        }) = value;
                    }
                }
                _ => {}
            }
        }
        Netrc(logins)
    }

    pub(crate) fn login(&self, host: &str) -> Option<&Login> {
        let mut logins = self.0.iter();
        logins.find(|login| login.host.as_deref().is_none_or(|own| own == host))
    }

    pub(crate) fn passwords(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|login| login.password.as_str())
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_by_host_and_default_is_for_the_rest() {
        let netrc = Netrc::parse(
            "# mine\nmachine a.example login me password secret\nmachine b.example\n  login you\n  password other\ndefault login any password thing",
        );
        assert_eq!(netrc.login("b.example").unwrap().password, "other");
        assert_eq!(netrc.login("c.example").unwrap().user, "any");
        assert_eq!(netrc.passwords().count(), 3);
        assert!(!format!("{netrc:?}").contains("secret"));
    }
}
