use reportd_db::Database;
use reportd_testbed::Ground;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;

use super::*;
use crate::apps::NewApp;
use crate::credentials::Vault;
use crate::random::SeededRandom;
use crate::seal::MasterKey;

struct World {
    _ground: Ground,
    db: Database,
}

impl World {
    fn new(kind: StoreKind) -> Self {
        let ground = Ground::new(kind);
        let db = ground.open("state");
        crate::MIGRATIONS.apply(&db).unwrap();
        let random = SeededRandom::new(1);
        let master = MasterKey::parse(&format!("hex:{}", "0".repeat(64))).unwrap();
        let vault = Vault {
            master: &master,
            random: &random,
        };
        for id in ["one", "two"] {
            let app = NewApp {
                id: id.to_owned(),
                name: String::new(),
                zone: "UTC".to_owned(),
                given: Vec::new(),
            };
            db.try_write(|tx| apps::create(tx, &app, &vault, 0))
                .unwrap();
        }
        Self {
            _ground: ground,
            db,
        }
    }

    fn create(
        &self,
        name: &str,
        role: Role,
        app_ids: &[&str],
        categories: &[&str],
    ) -> Result<(), PeopleError> {
        let (app_ids, categories) = (owned(app_ids), owned(categories));
        let limits = Limits {
            role,
            app_ids: &app_ids,
            categories: &categories,
        };
        let hash = HashedPassword::stored("of no password".to_owned());
        self.db
            .try_write(|tx| create_person(tx, name, limits, &hash, true, 7))
    }

    fn change(
        &self,
        change: impl Fn(&mut Tx<'_>) -> Result<(), PeopleError>,
    ) -> Result<(), PeopleError> {
        self.db.try_write(|tx| change(tx))
    }

    fn in_force(&self) -> HashMap<String, PersonInForce> {
        self.db.read(people_in_force).unwrap()
    }

    fn version(&self) -> i64 {
        let sql = "SELECT version FROM directory_version";
        self.db.read(|tx| tx.query_int(sql, &[])).unwrap()
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[rstest]
fn people_have_names_roles_and_limits(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    for (name, role, app_ids, categories, field) in [
        ("", Role::Viewer, &[][..], &[][..], "name"),
        ("a\nb", Role::Viewer, &[], &[], "name"),
        (" a", Role::Viewer, &[], &[], "name"),
        ("a", Role::Ingest, &[], &[], "role"),
        ("a", Role::Viewer, &["three"], &[], "app"),
        ("a", Role::Viewer, &["one"], &["spam"], "category"),
        ("a", Role::Moderator, &[], &["spam"], "category"),
    ] {
        let refused = world.create(name, role, app_ids, categories);
        assert!(
            matches!(&refused, Err(PeopleError::Invalid { field: of, .. }) if of == field),
            "{name} {role} {app_ids:?} {categories:?}: {refused:?}"
        );
    }
    let before = world.version();
    world
        .create("梅", Role::Moderator, &["two", "one", "two"], &["spam"])
        .unwrap();
    world.create("all", Role::Viewer, &[], &[]).unwrap();
    assert!(world.version() > before);
    let again = world.create("all", Role::Lead, &[], &[]);
    assert!(matches!(again, Err(PeopleError::Exists(_))));
    let listed = world.db.read(list_people).unwrap();
    let listed: Vec<_> = listed
        .into_iter()
        .map(|one| (one.principal.name, one.app_ids, one.principal.categories))
        .collect();
    let both = Some(owned(&["one", "two"]));
    let moderator = ("梅".to_owned(), both, Some(owned(&["spam"])));
    assert_eq!(listed, [("all".to_owned(), None, None), moderator]);
    let people = world.in_force();
    let (all, some) = (&people["all"], &people["梅"]);
    assert!(all.must_change && all.principal.is_person());
    let touches = |person: &PersonInForce| [1, 2, 3].map(|app| person.principal.may_touch(app));
    assert_eq!(
        (touches(all), touches(some)),
        ([true; 3], [true, true, false])
    );
}

#[rstest]
fn a_limit_that_cannot_be_read_opens_nothing(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    for name in ["a", "b", "c"] {
        world.create(name, Role::Viewer, &[], &[]).unwrap();
    }
    for (column, name) in [("apps", "a"), ("categories", "b")] {
        let sql = format!("UPDATE person SET {column} = 'x' WHERE name = '{name}'");
        world.db.execute(&sql, &[]).unwrap();
    }
    let names: Vec<_> = world.in_force().into_keys().collect();
    assert_eq!(names, ["c"]);
}

#[rstest]
fn a_new_password_and_disabling_end_what_was(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    world.create("root", Role::Admin, &[], &[]).unwrap();
    world.create("p", Role::Lead, &[], &[]).unwrap();
    let generation = || world.in_force().get("p").map(|person| person.generation);
    let first = generation().unwrap();
    let hash = HashedPassword::stored("of another".to_owned());
    world
        .change(|tx| set_password(tx, "p", &hash, false))
        .unwrap();
    assert!(generation().unwrap() > first && !world.in_force()["p"].must_change);
    world.change(|tx| disable_person(tx, "p", 9)).unwrap();
    assert_eq!(generation(), None);
    let known = world.db.read(|tx| password_of(tx, "p")).unwrap();
    assert_eq!(known, None, "nobody who is disabled may log in");
    world.change(|tx| enable_person(tx, "p")).unwrap();
    assert!(
        generation().unwrap() > first + 1,
        "what ended does not come back"
    );
    for unknown in [
        world.change(|tx| set_password(tx, "nobody", &hash, false)),
        world.change(|tx| disable_person(tx, "nobody", 9)),
        world.change(|tx| enable_person(tx, "nobody")),
    ] {
        assert!(matches!(unknown, Err(PeopleError::Unknown(_))));
    }
}

#[rstest]
fn somebody_is_left_who_may_do_everything(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    world.create("root", Role::Admin, &[], &[]).unwrap();
    world.create("of one", Role::Admin, &["one"], &[]).unwrap();
    let lead = Limits {
        role: Role::Lead,
        app_ids: &[],
        categories: &[],
    };
    let demote = |name: &'static str| world.change(move |tx| set_limits(tx, name, lead));
    let disable = || world.change(|tx| disable_person(tx, "root", 9));
    assert!(matches!(demote("root"), Err(PeopleError::LastAdmin(_))));
    assert!(matches!(disable(), Err(PeopleError::LastAdmin(_))));
    demote("of one").unwrap();
    world.create("second", Role::Admin, &[], &[]).unwrap();
    disable().unwrap();
    assert!(matches!(demote("second"), Err(PeopleError::LastAdmin(_))));
    assert_eq!(world.in_force()["of one"].principal.role, Role::Lead);
}
