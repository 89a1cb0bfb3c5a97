//! Names of models that nobody knows: passed on, so that new models work on their first day, or refused with the names
//! that were probably meant.

use super::error::GatewayError;
use super::snapshot::Snapshot;
use crate::catalog::nearest;
use crate::tenant::Tenant;

/// How many names are proposed (ours).
const PROPOSALS: usize = 3;

impl Snapshot {
    /// Whether a request for the model `id` may go on: it is in the catalogue or the upstream's list, or unknown names pass.
    pub(super) fn is_known(&self, id: &str) -> bool {
        !self.settings.refuses_unknown_models
            || id.is_empty()
            || self.catalogue.get(id).is_some()
            || self.live.contains(id)
    }

    /// The same; the caller wrote `asked`.
    ///
    /// # Errors
    /// [`GatewayError::UnknownModel`] with the nearest names that `tenant` may use.
    pub(super) fn check_known(&self, asked: &str, id: &str, tenant: &Tenant) -> Result<(), GatewayError> {
        if self.is_known(id) {
            return Ok(());
        }
        let live = self.live.list();
        let listed = live.iter().flat_map(|list| list.ids());
        let served = self.catalogue.models().iter().filter(|model| model.status.is_served());
        let aliases = self.aliases.exact().map(|(alias, _)| alias);
        let known = served.map(|model| model.id.as_str()).chain(listed).chain(aliases);
        let near = nearest::names(asked, known.filter(|name| tenant.may_use(name)), PROPOSALS);
        Err(GatewayError::UnknownModel(asked.to_owned(), near.into_iter().map(str::to_owned).collect()))
    }
}
