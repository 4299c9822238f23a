//! One mail to a mail server, over a line of its own, within a time limit.

use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail as From, Rcpt};
use postroom_connector::{ConnectorError, Failure, Presented};
use tokio::time::{Instant, timeout, timeout_at};

use crate::compose::Mail;
use crate::failure::{Fault, Step, failure_of};
use crate::server::{Server, Tls};

/// Longest wait for a server that greets, TLS and login included; half of the time for a mail, where that is less.
const MEETING_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest wait for a goodbye: it says nothing about the mail.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);
/// How a login may be made; both only on a line that is protected, or stays on the machine.
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// Hands `mail` to the server.
///
/// # Errors
/// With what the failure means: before the end of the mail was sent nothing can have arrived.
pub(crate) async fn send(server: &Server, mail: &Mail) -> Result<(), ConnectorError> {
    let begun = Instant::now();
    let deadline = begun + server.timeout;
    let met_by = begun + MEETING_TIMEOUT.min(server.timeout / 2);
    let mut line = within(met_by, meet(server)).await.map_err(|fault| fault.meaning(Step::Meeting))?;
    if let Err(error) = offer(&mut line, mail, deadline).await {
        // Without its end the server forgets what it was told.
        let _ = timeout(GOODBYE_TIMEOUT, line.abort()).await;
        return Err(error);
    }
    within(deadline, line.message(&mail.bytes)).await.map_err(|fault| fault.meaning(Step::Handing))?;
    let _ = timeout(GOODBYE_TIMEOUT, line.quit()).await;
    Ok(())
}

async fn meet(server: &Server) -> Result<AsyncSmtpConnection, Error> {
    let place = (server.host.as_str(), server.port);
    let parameters = match &server.tls {
        Tls::FromTheStart(parameters) => Some(parameters.clone()),
        Tls::Started(_) | Tls::Off => None,
    };
    let mut line = AsyncSmtpConnection::connect_tokio1(place, None, &server.hello, parameters, None).await?;
    if let Tls::Started(parameters) = &server.tls {
        line.starttls(parameters.clone(), &server.hello).await?;
    }
    // In the clear there is none.
    if let Ok(certificate) = line.peer_certificate() {
        Presented::shared().note(&server.peer, &certificate);
    }
    if let Some(login) = &server.login {
        line.auth(&MECHANISMS, login).await?;
    }
    Ok(line)
}

/// Names sender and recipients, up to the word that the mail may come.
async fn offer(line: &mut AsyncSmtpConnection, mail: &Mail, deadline: Instant) -> Result<(), ConnectorError> {
    let lost = |fault: Fault| fault.meaning(Step::Offering);
    let from = From::new(mail.envelope.from().cloned(), Vec::new());
    within(deadline, line.command(from)).await.map_err(lost)?;
    let mut refused = Vec::new();
    for to in mail.envelope.to() {
        if let Err(fault) = within(deadline, line.command(Rcpt::new(to.clone(), Vec::new()))).await {
            refused.push(fault.code().ok_or_else(|| lost(fault))?);
        }
    }
    if !refused.is_empty() {
        // Nobody gets it then, so that nobody gets it twice.
        let is_final = refused.iter().any(|code| failure_of(*code) == Failure::Permanent);
        // They stand in the settings: no message is to blame.
        let failure = if is_final { Failure::Down } else { Failure::Transient };
        let words =
            format!("the mail server refuses {} of {} recipients", refused.len(), mail.envelope.to().len());
        let mut codes: Vec<String> = refused.iter().map(ToString::to_string).collect();
        codes.dedup();
        return Err(ConnectorError::new(failure, words, codes.join(", ")));
    }
    within(deadline, line.command(Data)).await.map_err(lost)?;
    Ok(())
}

async fn within<T>(deadline: Instant, step: impl Future<Output = Result<T, Error>>) -> Result<T, Fault> {
    match timeout_at(deadline, step).await {
        Ok(result) => result.map_err(Fault::Line),
        Err(_) => Err(Fault::Late),
    }
}
