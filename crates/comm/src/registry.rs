//! Operations and settings of each app: in the state store, and in memory for every request.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::apps::{App, AppError, fix_zone};
use reportd_platform::changes::touch;
use reportd_platform::directory::Follower;
use reportd_protocol::comm::{Kind, Operation, standard_operations};

use crate::entry::OperationForm;
use crate::settings::Settings;

/// Operations that an app may have, unregistered ones that it reports among them.
const MOST_OPERATIONS: usize = 1_000;

/// What requests of an app are decided by.
#[derive(Debug)]
pub(crate) struct CommApp {
    pub(crate) app: Arc<App>,
    pub(crate) settings: Settings,
    operations: HashMap<i64, Registered>,
}

/// An operation as the registry holds it.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    pub(crate) operation: Operation,
    pub(crate) form: OperationForm,
    /// False where it was deleted, or was never registered but has reports.
    pub(crate) in_force: bool,
    /// There are reports: its kind stays.
    pub(crate) used: bool,
}

impl Registered {
    fn new(operation: Operation, in_force: bool, used: bool) -> Self {
        let form = OperationForm::of(&operation);
        Self {
            operation,
            form,
            in_force,
            used,
        }
    }
}

impl CommApp {
    /// The operation, in force or only known.
    pub(crate) fn operation(&self, oper_id: i64) -> Option<&Registered> {
        self.operations.get(&oper_id)
    }

    /// True where the app may have one more operation.
    pub(crate) fn has_room(&self) -> bool {
        self.operations.len() < MOST_OPERATIONS
    }

    /// Operations in force, by number.
    pub(crate) fn operations(&self) -> Vec<&Operation> {
        let mut in_force: Vec<_> = self
            .operations
            .values()
            .filter(|known| known.in_force)
            .map(|known| &known.operation)
            .collect();
        in_force.sort_by_key(|operation| operation.oper_id);
        in_force
    }
}

/// All apps' operations and settings, in memory.
#[derive(Debug, Default)]
pub struct Registry {
    apps: RwLock<HashMap<AppNo, Arc<CommApp>>>,
}

impl Registry {
    pub(crate) fn app(&self, app: AppNo) -> Option<Arc<CommApp>> {
        self.apps
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&app)
            .cloned()
    }

    pub(crate) fn apps(&self) -> Vec<Arc<CommApp>> {
        self.apps
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }
}

impl Follower for Registry {
    fn reload(&self, tx: &mut Tx<'_>, apps: &[Arc<App>]) -> Result<(), DbError> {
        let mut operations: HashMap<i64, HashMap<i64, Registered>> = HashMap::new();
        for mut row in tx.query(
            "SELECT app, definition, in_force, used FROM comm_operation",
            &[],
        )? {
            let operation = parse_definition(&row.take_text(1)?)?;
            let (app, in_force, used) = (row.int(0)?, row.bool(2)?, row.bool(3)?);
            operations.entry(app).or_default().insert(
                operation.oper_id,
                Registered::new(operation, in_force, used),
            );
        }
        let loaded = |app: &Arc<App>| {
            let operations = operations.remove(&i64::from(app.no)).unwrap_or_default();
            (
                app.no,
                Arc::new(CommApp {
                    app: Arc::clone(app),
                    settings: Settings::of(app),
                    operations,
                }),
            )
        };
        *self.apps.write().unwrap_or_else(PoisonError::into_inner) =
            apps.iter().map(loaded).collect();
        Ok(())
    }
}

fn parse_definition(text: &str) -> Result<Operation, DbError> {
    serde_json::from_str(text)
        .map_err(|error| DbError::Statement(format!("comm_operation.definition: {error}")))
}

fn definition(operation: &Operation) -> Result<String, DbError> {
    serde_json::to_string(operation).map_err(|error| DbError::Statement(error.to_string()))
}

/// Gives a new app the three operations that every app starts with (spec comm-report, Operations).
pub fn install_standard_operations(tx: &mut Tx<'_>, app_id: &str) -> Result<(), AppError> {
    touch(tx)?;
    let app = reportd_platform::apps::find(tx, app_id)?;
    for operation in standard_operations() {
        write(tx, app.no, &operation, true)?;
    }
    Ok(())
}

fn write(
    tx: &mut Tx<'_>,
    app: AppNo,
    operation: &Operation,
    in_force: bool,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO comm_operation (app, oper_id, definition, in_force, used) VALUES ($1, $2, $3, $4, 0) \
         ON CONFLICT (app, oper_id) DO UPDATE SET definition = excluded.definition, in_force = excluded.in_force",
        &[app.into(), operation.oper_id.into(), (&definition(operation)?).into(), in_force.into()],
    )?;
    Ok(())
}

/// Why the registry did not take an operation.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("its kind is fixed: there are reports, which were counted as {}", .0.name())]
    KindFixed(Kind),
    #[error("an app can have at most {MOST_OPERATIONS} operations")]
    TooMany,
}

/// Registers an operation, or changes it: reports from now on are taken and counted by it.
pub(crate) fn put(tx: &mut Tx<'_>, app: AppNo, operation: &Operation) -> Result<(), RegistryError> {
    touch(tx)?;
    match stored(tx, app, operation.oper_id)? {
        Some(known) if known.used && known.operation.kind != operation.kind => {
            return Err(RegistryError::KindFixed(known.operation.kind));
        }
        Some(_) => {}
        None => check_room(tx, app)?,
    }
    Ok(write(tx, app, operation, true)?)
}

/// Takes an operation out of force; its counts stay. False where it is not in force.
pub(crate) fn delete(tx: &mut Tx<'_>, app: AppNo, oper_id: i64) -> Result<bool, DbError> {
    touch(tx)?;
    let sql =
        "UPDATE comm_operation SET in_force = 0 WHERE app = $1 AND oper_id = $2 AND in_force = 1";
    Ok(tx.execute(sql, &[app.into(), oper_id.into()])? > 0)
}

fn stored(tx: &mut Tx<'_>, app: AppNo, oper_id: i64) -> Result<Option<Registered>, DbError> {
    let sql =
        "SELECT definition, in_force, used FROM comm_operation WHERE app = $1 AND oper_id = $2";
    let row = tx.query_first(sql, &[app.into(), oper_id.into()])?;
    row.map(|mut row| {
        Ok(Registered::new(
            parse_definition(&row.take_text(0)?)?,
            row.bool(1)?,
            row.bool(2)?,
        ))
    })
    .transpose()
}

fn check_room(tx: &mut Tx<'_>, app: AppNo) -> Result<(), RegistryError> {
    let count = tx.query_int(
        "SELECT COUNT(*) FROM comm_operation WHERE app = $1",
        &[app.into()],
    )?;
    if usize::try_from(count).is_ok_and(|count| count < MOST_OPERATIONS) {
        Ok(())
    } else {
        Err(RegistryError::TooMany)
    }
}

/// The operation that an unregistered number is counted as, where the app accepts those.
pub(crate) fn unregistered(oper_id: i64) -> Operation {
    Operation {
        oper_id,
        name: oper_id.to_string(),
        kind: Kind::Event,
        required: Vec::new(),
        dimensions: Vec::new(),
    }
}

/// Notes, before the first report of an app or operation is accepted, that there are reports: the app's zone and the
/// kinds of `operations` stay from now on. False where they changed meanwhile: load the registry again.
pub(crate) fn mark_used(
    tx: &mut Tx<'_>,
    app: &App,
    operations: &[Operation],
) -> Result<bool, RegistryError> {
    // This takes the lock of all changes: what is read below stays until the transaction ends.
    if !fix_zone(tx, app)? {
        return Ok(false);
    }
    for operation in operations {
        match stored(tx, app.no, operation.oper_id)? {
            Some(known) if known.operation.kind != operation.kind => return Ok(false),
            Some(_) => {}
            None => {
                check_room(tx, app.no)?;
                write(tx, app.no, operation, false)?;
            }
        }
        let sql = "UPDATE comm_operation SET used = 1 WHERE app = $1 AND oper_id = $2";
        tx.execute(sql, &[app.no.into(), operation.oper_id.into()])?;
    }
    Ok(true)
}
