//! Two thousand videos: what they are called, how long they are, and who made them. None of them exists.

use serde_json::json;

use super::{FIRST_AID, SEED};
use crate::demo::draw::{Draw, place};

/// Videos of the site.
pub(super) const VIDEOS: u64 = 2_000;
const SHORTEST_S: u64 = 95;
/// Lengths of those that are watched most, so that the figures of all do not hang on them.
const FAMOUS: [(u64, u32); 2] = [(0, 318), (VIRAL_VIDEO, 227)];
/// The video of which everybody speaks on one day.
pub(super) const VIRAL_VIDEO: u64 = 612;

const ZH_TOPICS: [&str; 40] = [
    "从零开始学 Rust",
    "城市骑行",
    "十分钟家常菜",
    "像素游戏是怎么做的",
    "显微镜下的世界",
    "三步学会弹吉他",
    "阳台种菜",
    "旧家具翻新",
    "夜跑地图",
    "手冲咖啡",
    "观鸟入门",
    "木工小课",
    "老电台里的故事",
    "长途火车窗外",
    "折纸动物园",
    "露营清单",
    "星空延时摄影",
    "一个人的年夜饭",
    "手绘地铁站",
    "猫咪行为观察",
    "乒乓球发球",
    "古桥巡礼",
    "家庭记账",
    "速写每一天",
    "雨天的书店",
    "自制乐器",
    "面包发酵实验",
    "山野植物图鉴",
    "模型火车",
    "数学里的魔术",
    "海边拾贝",
    "冬日编织",
    "旧相机复活",
    "方言小剧场",
    "厨房里的化学",
    "公园里的象棋",
    "口琴练习",
    "云的名字",
    "纪录一座灯塔",
    "小城早餐",
];
const ZH_FORMS: [&str; 10] = [
    "第{n}期",
    "完整版 {n}",
    "新手篇 {n}",
    "常见的错误 {n}",
    "答观众问 {n}",
    "幕后 {n}",
    "合集 {n}",
    "挑战 {n}",
    "进阶篇 {n}",
    "周末特辑 {n}",
];
const EN_TOPICS: [&str; 26] = [
    "A walk along the coast",
    "Night trains",
    "Bread at home",
    "Pocket telescopes",
    "Learning the ukulele",
    "Old maps explained",
    "Tiny kitchens",
    "Rain sounds from the porch",
    "Paper planes that fly far",
    "Winter birds",
    "Restoring a wooden boat",
    "Board games for two",
    "The clock tower",
    "Sketching in the park",
    "Soup season",
    "How bridges stand",
    "A garden in a year",
    "Letters by hand",
    "Slow mornings",
    "Rivers from above",
    "Simple origami",
    "The lighthouse keeper",
    "Chess openings for friends",
    "Fixing bicycles",
    "Desert flowers",
    "Radio plays",
];
const EN_FORMS: [&str; 8] = [
    "part {n}",
    "for beginners, {n}",
    "questions and answers {n}",
    "behind the scenes {n}",
    "the long version {n}",
    "what went wrong {n}",
    "season {n}",
    "a short one {n}",
];
const AUTHORS: [&str; 24] = [
    "山茶放映室",
    "慢走日记",
    "半糖的厨房",
    "海盐实验室",
    "北窗读书会",
    "木鱼手工坊",
    "青柠音乐角",
    "旧书讲故事",
    "晨跑小队",
    "夜航摄影社",
    "纸船旅行社",
    "云朵游戏屋",
    "Harbor Stories",
    "Pixel Garden",
    "Maple Kitchen",
    "Quiet Trails",
    "Copper Workshop",
    "Willow Notes",
    "Tiny Lab",
    "Sunday Window",
    "小满食堂",
    "拾光日记",
    "长街的厨房",
    "竹影摄影社",
];

/// How long a video is, in seconds: short ones are many.
pub(super) fn duration_s(video: u64) -> u32 {
    if let Some((_, seconds)) = FAMOUS.iter().find(|(famous, _)| *famous == video) {
        return *seconds;
    }
    let mut draw = Draw::of(SEED ^ 1, video);
    let seconds = SHORTEST_S + draw.skewed(1_000);
    u32::try_from(seconds).unwrap_or(600)
}

/// What a video is called; each has a title of its own.
pub(super) fn title(video: u64) -> String {
    let is_zh = video % 5 < 3;
    let number = if is_zh {
        video / 5 * 3 + video % 5
    } else {
        video / 5 * 2 + video % 5 - 3
    };
    let (topics, forms): (&[&str], &[&str]) = if is_zh {
        (&ZH_TOPICS, &ZH_FORMS)
    } else {
        (&EN_TOPICS, &EN_FORMS)
    };
    let turn = number / topics.len() as u64;
    let topic = topics[place(number % topics.len() as u64)];
    let form = forms[place((turn + number * 3) % forms.len() as u64)];
    let form = form.replace("{n}", &(turn + 1).to_string());
    if is_zh {
        format!("{topic}：{form}")
    } else {
        format!("{topic}, {form}")
    }
}

/// The line of a video in the catalogue.
pub(super) fn catalogue_line(video: u64) -> String {
    let author = place(Draw::of(SEED ^ 2, video).skewed(AUTHORS.len() as u64));
    let line = json!({
        "aid": FIRST_AID + video.cast_signed(), "title": title(video), "duration": duration_s(video),
        "author": {"mid": 1_000 + author, "name": AUTHORS[author]},
    });
    format!("{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_video_has_a_title_of_its_own() {
        let titles: std::collections::HashSet<_> = (0..VIDEOS).map(title).collect();
        assert_eq!(titles.len() as u64, VIDEOS);
    }
}
