//! Decides who may read and who may change something.

use http::{HeaderMap, HeaderName, header, request::Parts};

use super::{host::Host, peer, proxy, refusal::Refusal};
use crate::bearer;

/// What a browser adds. All headers that begin with `sec-fetch-` count as well.
const OF_A_BROWSER: [HeaderName; 3] = [header::ORIGIN, header::REFERER, header::COOKIE];

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Who may ask, once it is checked.
#[derive(Clone)]
pub(super) enum Guard {
    Token(String),
    Loopback {
        /// Needed for each POST.
        token: Option<String>,
        /// Beside the names of this machine.
        hosts: Vec<Host>,
    },
    Public {
        /// Without one, nobody may POST.
        token: Option<String>,
    },
}

// === impl Guard ===

impl Guard {
    /// Whether a request may have the page, which holds no data. It is not asked for a token: a browser sends none with a link.
    pub(super) fn may_open(&self, request: &Parts) -> Result<(), Refusal> {
        match self {
            Self::Loopback { hosts, .. } => is_from_this_machine(request, hosts),
            Self::Token(_) | Self::Public { .. } => Ok(()),
        }
    }

    /// Whether a request may read. Everything else is asked only of a request that may.
    pub(super) fn may_read(&self, request: &Parts) -> Result<(), Refusal> {
        match self {
            Self::Token(token) => carries(&request.headers, token),
            Self::Loopback { hosts, .. } => {
                is_from_this_machine(request, hosts)?;
                is_from_no_other_site(&request.headers)
            }
            Self::Public { .. } => Ok(()),
        }
    }

    /// Whether a request that may read may also change something.
    pub(super) fn may_change(&self, request: &Parts) -> Result<(), Refusal> {
        let headers = &request.headers;
        match self {
            // It was looked at before.
            Self::Token(_) => {}
            Self::Loopback { token: None, .. } => return is_from_no_browser(headers),
            Self::Public { token: None } => {
                return Err(Refusal::forbidden(
                    "the API is public and has no token, so nothing can be changed",
                ));
            }
            Self::Loopback { token, .. } | Self::Public { token } => {
                if let Some(token) = token {
                    carries(headers, token)?;
                }
            }
        }
        is_from_here(request)
    }

    /// The token, if there is one.
    pub(super) fn token(&self) -> Option<&str> {
        match self {
            Self::Token(token) => Some(token),
            Self::Loopback { token, .. } | Self::Public { token } => token.as_deref(),
        }
    }
}

fn carries(headers: &HeaderMap, token: &str) -> Result<(), Refusal> {
    match bearer::carries(headers, token) {
        true => Ok(()),
        false => Err(Refusal::unauthorized()),
    }
}

fn is_from_this_machine(request: &Parts, hosts: &[Host]) -> Result<(), Refusal> {
    let refuse = |sentence| Err(Refusal::forbidden(sentence));
    match peer::is_this_machine(&request.extensions) {
        Some(true) => {}
        Some(false) => return refuse("only clients on this machine may ask"),
        None => {
            return refuse(
                "the address of the peer is not known: serve with \
                 `into_make_service_with_connect_info::<SocketAddr>()`, or put a `PeerAddress` into the request",
            );
        }
    }
    if proxy::was_between(request) {
        return refuse(
            "the request came through a proxy, or by HTTP/1.0 as from one, so nobody knows from where",
        );
    }
    let ours = |host: &Host| host.is_this_machine() || hosts.iter().any(|one| one.admits(host));
    match Host::all_of(&request.uri, &request.headers) {
        Some(named) if named.iter().all(ours) => Ok(()),
        _ => refuse("`Host` is not this machine"),
    }
}

/// Whether no page of another site asks: it could read no answer, but make this machine work. The page itself is no work, and can
/// be linked to.
fn is_from_no_other_site(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    match sites.all(|site| site == "same-origin" || site == "none") {
        true => Ok(()),
        false => Err(Refusal::forbidden("the request comes from another site")),
    }
}

fn is_from_no_browser(headers: &HeaderMap) -> Result<(), Refusal> {
    let adds =
        |name: &HeaderName| OF_A_BROWSER.contains(name) || name.as_str().starts_with("sec-fetch-");
    match headers.keys().any(adds) {
        true => Err(Refusal::forbidden(
            "a browser can change something only with a token, and the API has none",
        )),
        false => Ok(()),
    }
}

/// Whether a request with the token comes from a page of this origin, or from no page.
fn is_from_here(request: &Parts) -> Result<(), Refusal> {
    let headers = &request.headers;
    let refuse = || Err(Refusal::forbidden("the request comes from another origin"));
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    if let Some(site) = sites.next() {
        return match site == "same-origin" && sites.next().is_none() {
            true => Ok(()),
            false => refuse(),
        };
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else {
        return Ok(());
    };
    let hosts = Host::all_of(&request.uri, headers).unwrap_or_default();
    let origin = origin.to_str().unwrap_or_default();
    let is_here = origins.next().is_none()
        && !hosts.is_empty()
        && hosts.iter().all(|host| host.is_origin(origin));
    if is_here { Ok(()) } else { refuse() }
}

#[cfg(test)]
mod tests;
