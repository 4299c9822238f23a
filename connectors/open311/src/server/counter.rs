//! The counter: whoever comes to the path of the server is answered here, but for whoever reports something; that one
//! is passed on, and answered when the report is safe.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::Utc;
use postroom_connector::ConnectorError;
use postroom_listener::header::CONTENT_TYPE;
use postroom_listener::{Answer, Asked, Method};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;

use super::admission::Admissions;
use super::answering::Pending;
use super::batch::Taken;
use super::form::Parameters;
use super::place::Visits;
use super::posted::Report;
use super::refusal::Refusal;
use super::resource::{Resource, search};
use super::settings::ServerSettings;
use crate::store::{Search, Store, TOLD};
use crate::writing::{Item, Written, list, one};

const FORM: &str = "application/x-www-form-urlencoded";

/// What went wrong at the counter, for whoever can say so.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble(Arc<Mutex<Option<ConnectorError>>>);

impl Trouble {
    /// The newest, once.
    pub(super) fn take(&self) -> Option<ConnectorError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, error: ConnectorError) -> Refusal {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        Refusal::Later
    }
}

pub(super) struct Counter {
    pub(super) settings: ServerSettings,
    pub(super) store: Arc<Store>,
    pub(super) admission: Admissions,
    pub(super) trouble: Trouble,
    pub(super) reports: Sender<Taken>,
    /// One for each report that waits.
    pub(super) reporting: Arc<Semaphore>,
    /// One for each of the others who is being answered.
    pub(super) asking: Arc<Semaphore>,
}

impl Counter {
    /// Serves until nobody takes reports any more.
    pub(super) async fn run(self: Arc<Self>, visits: Visits) {
        tokio::select! {
            () = self.serve_all(visits) => {}
            never = self.admission.keep_looking() => match never {},
        }
    }

    async fn serve_all(self: &Arc<Self>, visits: Visits) {
        while let Some(asked) = visits.next().await {
            if self.reports.is_closed() {
                return;
            }
            // Whoever gave up was told to come again.
            if asked.reply.is_awaited() {
                self.serve(asked).await;
            }
        }
    }

    /// Reports and questions each have a room of their own: neither keeps the other waiting.
    async fn serve(self: &Arc<Self>, asked: Asked) {
        let rest = asked.path.strip_prefix(&self.settings.wanted.path).unwrap_or_default();
        let (written, resource) = Resource::of(rest);
        let is_report = asked.method == Method::POST && resource == Some(Resource::Requests);
        let room = if is_report { &self.reporting } else { &self.asking };
        let Ok(place) = Arc::clone(room).try_acquire_owned() else {
            return asked.reply.send(Refusal::Later.answer(written));
        };
        if !is_report {
            let counter = Arc::clone(self);
            let answering = async move {
                let answer = counter.tell(&asked, written, resource).await;
                asked.reply.send(answer.unwrap_or_else(|refusal| refusal.answer(written)));
                drop(place);
            };
            return drop(tokio::spawn(answering));
        }
        match self.take(&asked).await {
            Err(refusal) => asked.reply.send(refusal.answer(written)),
            Ok((record, token, notice)) => {
                let pending = Pending { token, notice, written, reply: asked.reply, _place: place };
                if let Err(full) = self.reports.try_send(Taken { record, pending }) {
                    full.into_inner().pending.reply.send(Refusal::Later.answer(written));
                }
            }
        }
    }

    /// A report that is right: its record, its token, and what happens next.
    async fn take(&self, asked: &Asked) -> Result<(Value, String, String), Refusal> {
        let is_form =
            asked.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
                value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(FORM))
            });
        if !is_form {
            return Err(Refusal::wrong(format!("a report is posted as {FORM}")));
        }
        let query = asked.query.as_deref().unwrap_or_default();
        let parameters = Parameters::read([query.as_bytes(), asked.body.as_ref()]).map_err(Refusal::wrong)?;
        self.admission.admit(&parameters)?;
        self.jurisdiction(&parameters)?;
        let report = Report::read(&parameters, &self.settings.services)?;
        let kept = report.kept(self.settings.same_within);
        let given = self.store.give(&kept, Utc::now()).await.map_err(|error| self.trouble.put(error))?;
        let notice = report.notice.clone();
        Ok((report.record(&given), given.token, notice))
    }

    fn jurisdiction(&self, parameters: &Parameters) -> Result<(), Refusal> {
        match (&self.settings.jurisdiction, parameters.get("jurisdiction_id")) {
            (Some(ours), Some(given)) if ours != given => Err(Refusal::Absent("jurisdiction_id")),
            _ => Ok(()),
        }
    }

    /// What anybody may know.
    async fn tell(
        &self,
        asked: &Asked,
        written: Written,
        resource: Option<Resource>,
    ) -> Result<Answer, Refusal> {
        let resource = resource.ok_or(Refusal::Absent("this resource"))?;
        if asked.method != Method::GET && asked.method != Method::HEAD {
            let is_requests = resource == Resource::Requests;
            return Err(Refusal::Method(if is_requests { "GET, HEAD, POST" } else { "GET, HEAD" }));
        }
        let query = asked.query.as_deref().unwrap_or_default();
        let parameters = Parameters::read([query.as_bytes()]).map_err(Refusal::wrong)?;
        self.jurisdiction(&parameters)?;
        match resource {
            Resource::Services => Ok(list(written, "services", "service", &self.settings.services.told())),
            Resource::Service(code) => {
                let service = self.settings.services.find(&code).ok_or(Refusal::Absent("service_code"))?;
                Ok(one(written, "service_definition", &service.definition()))
            }
            Resource::Token(token) => self.token(written, &token).await,
            Resource::Requests => self.requests(written, search(&parameters, Utc::now())?).await,
            Resource::Request(id) => {
                let found = self.find(&Search::Ids(vec![id])).await?;
                if found.is_empty() {
                    return Err(Refusal::Absent("service_request_id"));
                }
                Ok(requests(written, &found))
            }
        }
    }

    async fn token(&self, written: Written, token: &str) -> Result<Answer, Refusal> {
        let id = self.store.id_of(token).await.map_err(|error| self.trouble.put(error))?;
        let id = id.ok_or(Refusal::Absent("token"))?;
        let item = Item::default().with("service_request_id", id).with("token", token);
        Ok(list(written, "service_requests", "request", &[item]))
    }

    async fn requests(&self, written: Written, search: Search) -> Result<Answer, Refusal> {
        Ok(requests(written, &self.find(&search).await?))
    }

    async fn find(&self, search: &Search) -> Result<Vec<Map<String, Value>>, Refusal> {
        self.store.search(search).await.map_err(|error| self.trouble.put(error))
    }
}

fn requests(written: Written, found: &[Map<String, Value>]) -> Answer {
    let field = |item: Item, told: &Map<String, Value>, name| {
        item.with(name, told.get(name).cloned().unwrap_or_default())
    };
    let item = |told: &Map<String, Value>| {
        TOLD.into_iter().fold(Item::default(), |item, name| field(item, told, name))
    };
    let items: Vec<Item> = found.iter().map(item).collect();
    list(written, "service_requests", "request", &items)
}
