//! Plain http through a proxy: the proxy is asked for the whole address instead of being asked for a tunnel.
//!
//! ureq only knows `CONNECT`, which common proxies (squid's default) refuse for port 80, where Debian's mirrors are.
//! Host names are left to the proxy. ureq does not promise to keep its transport interface; everything that uses it is here
//! and in `resolver.rs`.

use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, NextTimeout, TcpConnector, Transport,
};

#[derive(Debug)]
pub(crate) struct Forward {
    tcp: TcpConnector,
    authorization: Option<String>,
}

impl Forward {
    /// `authorization` is the value of the header `Proxy-Authorization`.
    pub(crate) fn new(authorization: Option<String>) -> Forward {
        Forward {
            tcp: TcpConnector::default(),
            authorization,
        }
    }
}

impl Connector<()> for Forward {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let transport: Box<dyn Transport> = match self.tcp.connect(details, chained)? {
            Some(Either::B(transport)) => Box::new(transport),
            _ => return Ok(None),
        };
        let authority = details
            .uri
            .authority()
            .map_or("", |authority| authority.as_str());
        let authorization = self
            .authorization
            .as_ref()
            .map(|value| format!("Proxy-Authorization: {value}\r\n"))
            .unwrap_or_default();
        Ok(Some(Box::new(Rewriting {
            transport,
            origin: format!("http://{authority}").into_bytes(),
            authorization: authorization.into_bytes(),
            at_start: true,
        })))
    }
}

/// Writes `GET http://host/path` where ureq wrote `GET /path`.
#[derive(Debug)]
struct Rewriting {
    transport: Box<dyn Transport>,
    origin: Vec<u8>,
    authorization: Vec<u8>,
    at_start: bool,
}

impl Rewriting {
    /// Puts origin and authorization into the first bytes of a request; returns how many there are now.
    fn rewrite(&mut self, amount: usize) -> Result<usize, ureq::Error> {
        let output = self.transport.buffers().output();
        let written = output.get(..amount).unwrap_or_default();
        let (Some(space), Some(line)) = (
            written.iter().position(|byte| *byte == b' '),
            written.iter().position(|byte| *byte == b'\n'),
        ) else {
            return Err(ureq::Error::ConnectionFailed);
        };
        let (method, rest) = written.split_at(space + 1);
        let (line, headers) = rest.split_at(line - space);
        let rewritten = [method, &self.origin, line, &self.authorization, headers].concat();
        let Some(room) = output.get_mut(..rewritten.len()) else {
            return Err(ureq::Error::BodyExceedsLimit(0));
        };
        room.copy_from_slice(&rewritten);
        Ok(rewritten.len())
    }
}

impl Transport for Rewriting {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.transport.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let amount = if self.at_start && amount > 0 {
            self.at_start = false;
            self.rewrite(amount)?
        } else {
            amount
        };
        self.transport.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        // Once an answer is awaited, the next thing sent is another request.
        self.at_start = true;
        self.transport.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.transport.is_open()
    }
}
