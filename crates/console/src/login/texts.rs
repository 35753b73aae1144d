//! Texts of logging in.

use crate::texts::texts;

texts! {
    /// Texts of logging in, of passwords and of forms that are sent again.
    LoginTexts {
        log_in: "Log in" / "登录",
        name: "Name" / "用户名",
        password: "Password" / "密码",
        wrong: "Name or password is wrong." / "用户名或密码错误。",
        too_many: "Too many attempts. Try again in {n} s." / "尝试次数过多，请在 {n} 秒后重试。",
        busy: "This cannot be checked just now. Try again in a moment." / "暂时无法验证，请稍后再试。",
        elsewhere: "This came from another site and was not taken." / "请求来自其他网站，已拒绝。",
        ended: "You were logged out. Log in, and you can go on where you were: nothing is lost." / "登录已过期。重新登录后可从原处继续，内容不会丢失。",
        resume: "Go on where you were" / "从原处继续",
        resume_about: "This was not sent yet, since you had been logged out. Look at it, then send it." / "由于登录已过期，以下内容尚未提交。请核对后提交。",
        send: "Send" / "提交",
        discard: "Leave it" / "放弃",
        change: "Change password" / "修改密码",
        must_change: "Your password was given to you by another. Choose one of your own to go on." / "当前密码由他人设置，请先改为自己的密码。",
        current: "Current password" / "当前密码",
        new: "New password" / "新密码",
        again: "New password, again" / "再次输入新密码",
        rule: "{least} to {most} characters. Other places where you are logged in are logged out." / "{least} 至 {most} 个字符。修改后，其他设备上的登录将失效。",
        wrong_current: "The current password is wrong." / "当前密码错误。",
        differ: "The two new passwords differ." / "两次输入的新密码不一致。",
        same: "Choose a password other than the current one." / "新密码不能与当前密码相同。",
        length: "Expected {least} to {most} characters." / "密码长度应为 {least} 至 {most} 个字符。",
    }
}
