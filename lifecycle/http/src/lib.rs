//! One blocking HTTP client: roots, proxies, timeouts, retries, resume, digest check.
