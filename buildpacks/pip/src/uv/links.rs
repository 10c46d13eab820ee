//! Finding a file on a package index.
//!
//! Spec: <https://packaging.python.org/en/latest/specifications/simple-repository-api/>

use toolkit::http::{Client, Request, Result};

use super::with_login;
use crate::settings::Netrc;

/// Pages of one project are large on PyPI, too.
const PAGE_LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// The addresses under which the index `index` has the file `name` of the project uv; none when it has not.
pub(super) fn find(client: &Client, index: &str, netrc: &Netrc, name: &str) -> Result<Vec<String>> {
    let page = with_login(&format!("{}/uv/", index.trim_end_matches('/')), netrc);
    let request = Request::get(&page).header(
        "Accept",
        "text/html, application/vnd.pypi.simple.v1+html;q=0.9",
    );
    let answer = client.fetch(&request, PAGE_LIMIT_BYTES)?;
    let text = String::from_utf8_lossy(&answer.body);
    // Redirects are where relative links start from, but the login is that of the page asked for.
    let base = if answer.url.is_empty() {
        page.clone()
    } else {
        answer.url.clone()
    };
    let found = hrefs(&text)
        .filter(|href| file_name(href) == name)
        .map(|href| same_login(&resolve(&base, href), &page))
        .collect();
    Ok(found)
}

/// Values of `href` attributes, in the order of the page.
fn hrefs(text: &str) -> impl Iterator<Item = &str> {
    text.split("href=").skip(1).filter_map(|rest| {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        rest.strip_prefix(quote)?.split(quote).next()
    })
}

/// The last part of the path, percent signs decoded where names of wheels have them.
fn file_name(href: &str) -> String {
    let path = href.split(['#', '?']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    name.replace("%2B", "+").replace("%2b", "+")
}

/// A link as seen from a page: absolute, of the same scheme, of the same host, or below the page.
fn resolve(page: &str, href: &str) -> String {
    let href = href
        .split('#')
        .next()
        .unwrap_or_default()
        .replace("&amp;", "&");
    if href.contains("://") {
        return href;
    }
    let (scheme, rest) = page.split_once("://").unwrap_or(("https", page));
    if let Some(rest) = href.strip_prefix("//") {
        return format!("{scheme}://{rest}");
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let joined = match href.strip_prefix('/') {
        Some(absolute) => absolute.to_owned(),
        None => format!("{folder}/{href}"),
    };
    format!("{scheme}://{host}/{}", without_dots(&joined))
}

fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// An index keeps its files behind the same login as its pages; other hosts never see it.
fn same_login(url: &str, page: &str) -> String {
    let split = |url: &str| {
        let (scheme, rest) = url.split_once("://")?;
        let (authority, path) = rest.split_once('/')?;
        let (info, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        Some([scheme, info, host, path].map(str::to_owned))
    };
    match (split(url), split(page)) {
        (Some([scheme, own, host, path]), Some([page_scheme, info, page_host, _]))
            if own.is_empty() && !info.is_empty() && host == page_host && scheme == page_scheme =>
        {
            format!("{scheme}://{info}@{host}/{path}")
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_resolved_as_browsers_do() {
        for (page, href, expected) in [
            (
                "https://h/simple/uv/",
                "../../files/uv.whl#sha256=a",
                "https://h/files/uv.whl",
            ),
            (
                "https://h/simple/uv/",
                "uv.whl",
                "https://h/simple/uv/uv.whl",
            ),
            (
                "https://h/simple/uv/",
                "/files/uv.whl?x=1&amp;y=2",
                "https://h/files/uv.whl?x=1&y=2",
            ),
            (
                "http://h:81/simple/uv/",
                "//other/uv.whl",
                "http://other/uv.whl",
            ),
            (
                "https://h/simple/uv/",
                "https://o/uv.whl#x",
                "https://o/uv.whl",
            ),
        ] {
            assert_eq!(resolve(page, href), expected);
        }
    }

    #[test]
    fn the_login_of_the_page_is_for_files_of_the_same_host_only() {
        let page = "https://me:pw@h/simple/uv/";
        assert_eq!(
            same_login("https://h/f/a.whl", page),
            "https://me:pw@h/f/a.whl"
        );
        assert_eq!(same_login("https://o/f/a.whl", page), "https://o/f/a.whl");
        assert_eq!(same_login("http://h/f/a.whl", page), "http://h/f/a.whl");
    }

    #[test]
    fn names_are_compared_decoded_and_without_what_follows() {
        let page = r#"<a href="x/a%2Bb.whl#sha256=1">a</a> <a data-x='1' href='y.whl'>y</a>"#;
        let names: Vec<_> = hrefs(page).map(file_name).collect();
        assert_eq!(names, ["a+b.whl", "y.whl"]);
    }
}
