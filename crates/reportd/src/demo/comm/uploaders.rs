//! Names of uploaders, none of a real one.

const ZH: [&str; 26] = [
    "山茶", "慢走", "半糖", "海盐", "北窗", "木鱼", "青柠", "旧书", "晨跑", "夜航", "纸船", "云朵",
    "小满", "拾光", "长街", "竹影", "橘子", "风铃", "豆豆", "阿灯", "麦田", "星轨", "溪边", "暖炉",
    "蓝鲸", "石榴",
];
const ZH_KINDS: [&str; 12] = [
    "食堂",
    "日记",
    "放映室",
    "游戏屋",
    "读书会",
    "手工坊",
    "摄影社",
    "讲故事",
    "的厨房",
    "旅行社",
    "实验室",
    "音乐角",
];
const EN: [&str; 18] = [
    "Harbor", "Pixel", "Maple", "Quiet", "Copper", "Willow", "Tiny", "Sunday", "Paper", "Northern",
    "Velvet", "Lantern", "Pebble", "Amber", "Hilltop", "Marble", "Early", "Cloudy",
];
const EN_KINDS: [&str; 9] = [
    "Kitchen", "Garden", "Workshop", "Trails", "Arcade", "Stories", "Notes", "Lab", "Window",
];

/// The uploader of a number; small ones are known best.
pub(super) fn uploader(number: u64) -> String {
    let at = |count: usize, by: u64| usize::try_from(by).unwrap_or(0) % count;
    let turn = number / 5;
    if number % 5 < 3 {
        let number = turn * 3 + number % 5;
        let kind = ZH_KINDS[at(ZH_KINDS.len(), number / 26 + number * 5)];
        return format!("{}{kind}", ZH[at(ZH.len(), number)]);
    }
    let number = turn * 2 + number % 5 - 3;
    let kind = EN_KINDS[at(EN_KINDS.len(), number / 18 + number * 4)];
    format!("{} {kind}", EN[at(EN.len(), number)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploaders_have_names_of_their_own() {
        let names: std::collections::HashSet<_> = (0..160).map(uploader).collect();
        assert_eq!(names.len(), 160);
    }
}
