//! Reads from descriptors which side of each gRPC method streams.

use std::collections::BTreeMap;

use prost::{DecodeError, Message};
use prost_types::FileDescriptorSet;

use super::Kind;

/// The kinds of the methods in an encoded `FileDescriptorSet`, by path.
pub(crate) fn kinds(encoded: &[u8]) -> Result<BTreeMap<String, Kind>, DecodeError> {
    let set = FileDescriptorSet::decode(encoded)?;
    let mut kinds = BTreeMap::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                let package = file.package();
                let dot = if package.is_empty() { "" } else { "." };
                let path = format!("/{package}{dot}{}/{}", service.name(), method.name());
                let kind = match (method.client_streaming(), method.server_streaming()) {
                    (false, false) => Kind::Unary,
                    (true, false) => Kind::ClientStream,
                    (false, true) => Kind::ServerStream,
                    (true, true) => Kind::BidiStream,
                };
                kinds.insert(path, kind);
            }
        }
    }
    Ok(kinds)
}
