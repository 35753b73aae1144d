//! Conversations that people report: what a script is, and how one becomes a conversation of its own.
//!
//! All of it is made up, and nothing in it harms. In a line `{0}` is the name of the first person, `{item}` and `{place}`
//! are drawn, and a line that begins with `image:` or `audio:` is a medium.

use crate::demo::draw::Draw;

/// A conversation as it is written down.
pub(super) struct Script {
    pub(super) category: &'static str,
    pub(super) reason: &'static str,
    /// What a moderator says of it.
    pub(super) verdict: &'static str,
    /// And of whom: the place of a person, and the label.
    pub(super) faults: &'static [(usize, &'static str)],
    pub(super) people: usize,
    /// Who says what.
    pub(super) lines: &'static [(usize, &'static str)],
}

/// Words of a language.
pub(super) struct Words {
    pub(super) names: &'static [&'static str],
    pub(super) items: &'static [&'static str],
    pub(super) places: &'static [&'static str],
    /// What others say meanwhile.
    pub(super) chatter: &'static [&'static str],
    /// What moderators note.
    pub(super) notes: &'static [&'static str],
    pub(super) scripts: &'static [Script],
}

/// A person of a conversation.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) id: u64,
    pub(super) name: String,
}

/// What a line is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Medium {
    Text,
    Image,
    Audio,
    /// A video that its sender has taken back.
    TakenBack,
}

/// A conversation that somebody reports.
#[derive(Clone)]
pub(super) struct Conversation {
    pub(super) script: &'static Script,
    pub(super) words: &'static Words,
    pub(super) people: Vec<Person>,
    pub(super) lines: Vec<(usize, Medium, String)>,
}

/// People of the app, by language; those of small numbers are met more often.
const PEOPLE: u64 = 160;

impl Conversation {
    /// The conversation of a number: of all scripts in turn, with other people and things each time.
    pub(super) fn draw(words: &'static Words, number: u64, draw: &mut Draw) -> Self {
        let script = &words.scripts[usize::try_from(number).unwrap_or(0) % words.scripts.len()];
        let mut people: Vec<Person> = Vec::new();
        while people.len() < script.people {
            // Who is at fault is so again, as a rule.
            let person = if people.is_empty() {
                draw.skewed(PEOPLE)
            } else {
                draw.below(PEOPLE)
            };
            let person = Person::of(words, person);
            if people.iter().all(|known| known.id != person.id) {
                people.push(person);
            }
        }
        let (item, place) = (*draw.pick(words.items), *draw.pick(words.places));
        let mut lines = Vec::new();
        for &(who, line) in script.lines {
            if draw.happens(90) {
                let said = draw.pick(words.chatter);
                let other = draw.below(script.people as u64);
                lines.push((
                    usize::try_from(other).unwrap_or(0),
                    Medium::Text,
                    (*said).to_owned(),
                ));
            }
            let mut said = line.replace("{item}", item).replace("{place}", place);
            for (at, person) in people.iter().enumerate() {
                said = said.replace(&format!("{{{at}}}"), &person.name);
            }
            let medium = match line.split_once(':').map(|(kind, _)| kind) {
                Some("image") => Medium::Image,
                Some("audio") => Medium::Audio,
                Some("taken back") => Medium::TakenBack,
                _ => Medium::Text,
            };
            lines.push((who, medium, said));
        }
        Self {
            script,
            words,
            people,
            lines,
        }
    }
}

impl Person {
    fn of(words: &Words, number: u64) -> Self {
        let count = words.names.len() as u64;
        let name = words.names[usize::try_from(number % count).unwrap_or(0)];
        let turn = number / count;
        let name = if turn == 0 {
            name.to_owned()
        } else {
            format!("{name}{}", turn * 7 + number % 10)
        };
        let first = if std::ptr::eq(words, &raw const super::chinese::WORDS) {
            10_086
        } else {
            20_400
        };
        Self {
            id: first + number * 3,
            name,
        }
    }
}
