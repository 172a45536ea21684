//! TLS by rustls, mostly over sockets that do not block.

use super::Target;
use crate::error::{Error, Result};
use mio::net::TcpStream;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme, StreamOwned,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use std::{
    io::{self, ErrorKind, Read, Write},
    sync::Arc,
};

/// What all connections to an `https` server have in common.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl TlsSettings {
    /// For an `https` target, otherwise `None`. Certificates are checked against those of `ca`, in PEM; without it against the
    /// system's (`SSL_CERT_FILE` and `SSL_CERT_DIR` come first); or not at all if `insecure`.
    ///
    /// # Errors
    /// [`Error::Preflight`] when there is nothing to check them against; [`Error::Usage`] for a host that cannot have one, and
    /// for a `ca` that is no certificate.
    pub fn of(target: &Target, insecure: bool, ca: Option<&str>) -> Result<Option<Self>> {
        if !target.is_tls {
            return Ok(None);
        }
        let name = ServerName::try_from(target.server_name().to_owned())
            .map_err(|error| Error::Usage(format!("`{}`: {error}", target.server_name())))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Other(format!("TLS: {error}")))?;
        let mut config = if insecure {
            let verifier = Arc::new(AnyCertificate(provider));
            builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
        } else {
            builder.with_root_certificates(ca.map_or_else(system_roots, roots)?).with_no_client_auth()
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Some(Self { config: Arc::new(config), name }))
    }

    /// Over a socket that blocks.
    pub fn start_blocking(
        &self,
        socket: std::net::TcpStream,
    ) -> io::Result<StreamOwned<ClientConnection, std::net::TcpStream>> {
        let session = ClientConnection::new(Arc::clone(&self.config), self.name.clone()).map_err(io::Error::other)?;
        Ok(StreamOwned::new(session, socket))
    }

    /// The socket may still be connecting.
    pub fn start(&self, socket: TcpStream) -> io::Result<TlsStream> {
        let session = ClientConnection::new(Arc::clone(&self.config), self.name.clone()).map_err(io::Error::other)?;
        Ok(TlsStream { socket, session })
    }
}

fn roots(ca: &str) -> Result<RootCertStore> {
    let wrong =
        |error: &dyn std::fmt::Display| Error::Usage(format!("not a certificate that can vouch for others: {error}"));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        return Err(Error::Preflight(format!(
            "no certificates to check servers against{why}: set SSL_CERT_FILE, or use --insecure"
        )));
    }
    Ok(roots)
}

/// Reading and writing carry the handshake on until it is done.
#[derive(Debug)]
pub struct TlsStream {
    socket: TcpStream,
    session: ClientConnection,
}

impl TlsStream {
    pub fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// Writes what the session has to send; `WouldBlock` while some is left.
    fn push(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.socket)?;
        }
        Ok(())
    }

    /// Reads from the socket into the session, once; false at the end of the stream.
    fn pull(&mut self) -> io::Result<bool> {
        let count = self.session.read_tls(&mut self.socket)?;
        if let Err(error) = self.session.process_new_packets() {
            // Tries to send the alert that says why.
            let _ = self.push();
            let why = match error {
                rustls::Error::InvalidMessage(_) if self.session.is_handshaking() => {
                    "the server does not speak TLS: use http://".to_owned()
                }
                error => format!("TLS: {error}"),
            };
            return Err(io::Error::new(ErrorKind::InvalidData, why));
        }
        Ok(count > 0)
    }
}

impl Read for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // The server may have asked for something, such as new keys. If it takes nothing more, reading says why.
                    let _ = self.push();
                    self.pull()?;
                }
                outcome => return outcome,
            }
        }
    }
}

impl Write for TlsStream {
    /// Until the handshake is done it takes nothing and says `WouldBlock`, as a socket does that is still connecting.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        while self.session.is_handshaking() {
            self.push()?;
            if self.session.is_handshaking() && !self.pull()? {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed during the TLS handshake"));
            }
        }
        self.push()?;
        let count = self.session.writer().write(bytes)?;
        match self.push() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(count),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()
    }
}

/// `--insecure`: any certificate will do, but the handshake must be signed by it.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
