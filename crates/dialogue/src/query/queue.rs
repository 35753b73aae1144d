//! Queues of tickets that an actor may take from, each with an index of its own.

use reportd_db::Value;
use reportd_platform::AppNo;

use crate::tickets::Actor;

/// A queue: all apps, an app, or a category of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue<'a> {
    All,
    App(AppNo),
    Category(AppNo, &'a str),
}

impl<'a> Queue<'a> {
    /// The queues of what is asked for that are the actor's affair: none where nothing of it is. Categories are names of
    /// an app, so that a key that is limited to some takes only where the app is known.
    pub(crate) fn all_of(
        actor: &'a Actor,
        app: Option<AppNo>,
        category: Option<&'a str>,
    ) -> Vec<Self> {
        let apps = match app {
            Some(asked) if !actor.may_touch(asked) => return Vec::new(),
            Some(asked) => Some(vec![asked]),
            None => actor.apps.clone(),
        };
        let categories: Option<Vec<&str>> = match (&actor.categories, category) {
            (Some(only), asked) => {
                let is_asked = |one: &&str| asked.is_none_or(|asked| asked == *one);
                Some(only.iter().map(String::as_str).filter(is_asked).collect())
            }
            (None, asked) => asked.map(|asked| vec![asked]),
        };
        match (apps, categories) {
            (None, None) => vec![Self::All],
            (Some(apps), None) => apps.into_iter().map(Self::App).collect(),
            (Some(apps), Some(categories)) => {
                let of_app = |app| {
                    let queue = move |category: &&'a str| Self::Category(app, category);
                    categories.iter().map(queue)
                };
                apps.into_iter().flat_map(of_app).collect()
            }
            (None, Some(_)) => Vec::new(),
        }
    }

    /// The condition that picks its tickets, in front of another one, and its values.
    pub(crate) fn given(self) -> (&'static str, Vec<Value<'a>>) {
        match self {
            Self::All => ("", Vec::new()),
            Self::App(app) => ("app = $1 AND ", vec![app.into()]),
            Self::Category(app, category) => {
                let values = vec![app.into(), category.into()];
                ("app = $1 AND category = $2 AND ", values)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_from_what_is_not_theirs() {
        let actor = |apps: Option<&[AppNo]>, categories: Option<&[&str]>| Actor {
            name: "a".to_owned(),
            key: "k".to_owned(),
            apps: apps.map(<[AppNo]>::to_vec),
            categories: categories.map(|all| all.iter().map(|&one| one.to_owned()).collect()),
            is_lead: false,
        };
        let any = actor(None, None);
        assert_eq!(Queue::all_of(&any, None, None), [Queue::All]);
        assert_eq!(Queue::all_of(&any, Some(1), None), [Queue::App(1)]);
        assert_eq!(
            Queue::all_of(&any, Some(1), Some("c")),
            [Queue::Category(1, "c")]
        );
        assert_eq!(Queue::all_of(&any, None, Some("c")), []);
        let of_one = actor(Some(&[1]), None);
        assert_eq!(Queue::all_of(&of_one, None, None), [Queue::App(1)]);
        assert_eq!(Queue::all_of(&of_one, Some(2), None), []);
        let some = actor(Some(&[1]), Some(&["a", "b"]));
        let both = [Queue::Category(1, "a"), Queue::Category(1, "b")];
        assert_eq!(Queue::all_of(&some, None, None), both);
        assert_eq!(Queue::all_of(&some, None, Some("b")), both[1..]);
        assert_eq!(Queue::all_of(&some, None, Some("c")), []);
        let of_two = actor(Some(&[1, 3]), None);
        let both = [Queue::App(1), Queue::App(3)];
        assert_eq!(Queue::all_of(&of_two, None, None), both);
        assert_eq!(Queue::all_of(&of_two, Some(3), None), both[1..]);
        assert_eq!(Queue::all_of(&of_two, Some(2), None), []);
        let some_of_two = actor(Some(&[1, 3]), Some(&["a"]));
        let both = [Queue::Category(1, "a"), Queue::Category(3, "a")];
        assert_eq!(Queue::all_of(&some_of_two, None, None), both);
    }
}
