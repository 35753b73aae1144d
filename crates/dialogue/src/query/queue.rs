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
        let app = match (actor.app, app) {
            (Some(only), Some(asked)) if only != asked => return Vec::new(),
            (only, asked) => asked.or(only),
        };
        let categories: Option<Vec<&str>> = match (&actor.categories, category) {
            (Some(only), asked) => {
                let is_asked = |one: &&str| asked.is_none_or(|asked| asked == *one);
                Some(only.iter().map(String::as_str).filter(is_asked).collect())
            }
            (None, asked) => asked.map(|asked| vec![asked]),
        };
        match (app, categories) {
            (None, None) => vec![Self::All],
            (Some(app), None) => vec![Self::App(app)],
            (Some(app), Some(categories)) => {
                let queue = |category| Self::Category(app, category);
                categories.into_iter().map(queue).collect()
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
        let actor = |app, categories: Option<&[&str]>| Actor {
            name: "a".to_owned(),
            key: "k".to_owned(),
            app,
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
        let of_one = actor(Some(1), None);
        assert_eq!(Queue::all_of(&of_one, None, None), [Queue::App(1)]);
        assert_eq!(Queue::all_of(&of_one, Some(2), None), []);
        let some = actor(Some(1), Some(&["a", "b"]));
        let both = [Queue::Category(1, "a"), Queue::Category(1, "b")];
        assert_eq!(Queue::all_of(&some, None, None), both);
        assert_eq!(Queue::all_of(&some, None, Some("b")), both[1..]);
        assert_eq!(Queue::all_of(&some, None, Some("c")), []);
    }
}
