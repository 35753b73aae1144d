//! What the demo says when it is up: lines to paste.

use std::io::{self, Write};
use std::time::Duration;

use reportd_client::protocol::comm::Ret;
use reportd_platform::apps::DEFAULT_ZONE;
use reportd_platform::zones::{Zone, day_text};

use super::comm::NEW_OPERATION;
use super::playback::{FIRST_AID, FIRST_CID, FIRST_MID};
use super::push::{app_task, list_task};
use super::{APP, Credentials, PERSON};

/// Prints the lines; their days are those of `now_ms`. `ready_in` is what the start took.
pub(super) fn print(
    url: &str,
    receiver_url: &str,
    credentials: &Credentials,
    (now_ms, ready_in): (i64, Duration),
) -> anyhow::Result<()> {
    let today = Zone::named(DEFAULT_ZONE)
        .map_err(anyhow::Error::msg)?
        .day(now_ms);
    let mut out = io::stdout();
    writeln!(out, "reportd listens on {url}\n")?;
    writeln!(
        out,
        "console: {url}/console\nuser: {PERSON}\npassword: {}\n",
        credentials.password
    )?;
    print_comm(&mut out, url, credentials, today)?;
    print_push(&mut out, url, credentials, today)?;
    print_playback(&mut out, url, credentials, today)?;
    print_dialogue(&mut out, url, receiver_url, credentials)?;
    writeln!(
        out,
        "# Every call, to try out: {url}/api/docs\ncurl {url}/metrics\n"
    )?;
    writeln!(out, "Ready in {:.1} s.", ready_in.as_secs_f32())?;
    writeln!(out, "Ctrl-C ends it.")?;
    Ok(out.flush()?)
}

fn print_comm(
    out: &mut impl Write,
    url: &str,
    credentials: &Credentials,
    today: i64,
) -> io::Result<()> {
    let Credentials {
        comm_token,
        api_key,
        ..
    } = credentials;
    let today = day_text(today);
    let api = format!("{url}/api/apps/{APP}/comm");
    let key = format!("-H 'Authorization: Bearer {api_key}'");
    writeln!(out, "# Report a message, as a bot does:")?;
    writeln!(
        out,
        "curl {url}/api/v1/CommReport -H 'Authorization: {comm_token}' -H 'Content-Type: application/json' \\"
    )?;
    writeln!(
        out,
        "  -d '{{\"ts\":'$(date +%s)',\"nonce\":\"'$(date +%N)'\",\"data_list\":[{{\"oper_id\":1503000120601,\"gid\":1,\
         \"target_id\":\"42\",\"scope\":\"channel\",\"ext1\":\"youtube\",\"ext2\":\"UP\"}}]}}'"
    )?;
    writeln!(out, "\n# What it adds up to, at once:")?;
    writeln!(
        out,
        "curl {key} '{api}/series?oper_id=1503000120601&from={today}&to={today}&by=ext2'"
    )?;
    writeln!(out, "curl {key} '{api}/messages?from={today}&to={today}'")?;
    writeln!(out, "curl {key} '{api}/reports?gid=1&limit=5'")?;
    writeln!(out, "curl {key} {api}/census/{today}")?;
    writeln!(
        out,
        "\n# Register what a newer bot reports, and take what was refused before:"
    )?;
    writeln!(
        out,
        "curl -X PUT {key} {api}/operations/{NEW_OPERATION} -H 'Content-Type: application/json' \\\n  \
         -d '{{\"name\":\"修改订阅 (subscription changed)\",\"kind\":\"event\",\"required\":[{{\"field\":\"gid\"}}],\
         \"dimensions\":[\"ext1\",\"ext2\"]}}'"
    )?;
    writeln!(
        out,
        "curl -X POST {key} '{api}/rejections/replay?ret={}'\n",
        Ret::UnknownOperation.code()
    )
}

fn print_push(
    out: &mut impl Write,
    url: &str,
    credentials: &Credentials,
    today: i64,
) -> io::Result<()> {
    let Credentials {
        appkey,
        master_secret,
        api_key,
        ..
    } = credentials;
    let (reports, api) = (
        format!("{url}/v2/{APP}/report"),
        format!("{url}/api/apps/{APP}/push"),
    );
    let key = format!("-H 'Authorization: Bearer {api_key}'");
    let (list, app) = (list_task(today), app_task(today));
    let (today, yesterday) = (day_text(today), day_text(today - 1));
    writeln!(out, "# Feed what became of a push, as a gateway does:")?;
    writeln!(
        out,
        "curl {api}/events {key} -d '[{{\"type\":\"clicked\",\"taskid\":\"{list}\",\"cid\":\"you\",\"channel\":\"gt\",\
         \"at\":'$(date +%s)000'}}]'"
    )?;
    writeln!(
        out,
        "\n# Read push reports, as a client does: a token first, whose sign holds for 10 minutes"
    )?;
    // A client signs with the present time, so the line computes the sign when it is run.
    writeln!(
        out,
        "NOW=$(date +%s)000; SIGN=$(printf %s {appkey}${{NOW}}{master_secret} | sha256sum | cut -c1-64)"
    )?;
    writeln!(
        out,
        "TOKEN=$(curl -s {url}/v2/{APP}/auth -H 'Content-Type: application/json' \\\n  \
         -d '{{\"appkey\":\"{appkey}\",\"timestamp\":\"'$NOW'\",\"sign\":\"'$SIGN'\"}}' | sed 's/.*\"token\":\"//; s/\".*//')"
    )?;
    for report in [
        format!("push/task/{list},{app}?needGetuiByBrand=true"),
        format!("push/task/{list}/detail"),
        "push/task_group/news".to_owned(),
        format!("push/date/{yesterday}"),
        format!("user/date/{yesterday}"),
        "online_user".to_owned(),
    ] {
        writeln!(out, "curl -H \"token: $TOKEN\" '{reports}/{report}'")?;
    }
    writeln!(out, "\n# Set a quota, and see what of it is left:")?;
    writeln!(
        out,
        "curl -X PUT {api}/settings {key} -H 'Content-Type: application/json' -d '{{\"quotas\":{{\"gt\":{{\"list\":5000}}}}}}'"
    )?;
    writeln!(out, "curl -H \"token: $TOKEN\" {reports}/push/count")?;
    writeln!(
        out,
        "\n# What the reports cannot show: tasks of some days, and today so far"
    )?;
    writeln!(out, "curl {key} '{api}/tasks?from={yesterday}&to={today}'")?;
    writeln!(out, "curl {key} {api}/today\n")
}

fn print_dialogue(
    out: &mut impl Write,
    url: &str,
    receiver_url: &str,
    credentials: &Credentials,
) -> io::Result<()> {
    let Credentials {
        aes_key, api_key, ..
    } = credentials;
    let key = format!("-H 'Authorization: Bearer {api_key}'");
    let hex = |name: &str| format!("$(printf %s \"${name}\" | od -An -tx1 | tr -d ' \\n')");
    writeln!(
        out,
        "# Report a conversation, encrypted as the app has set it (AES-128-CBC, a random iv in front):"
    )?;
    writeln!(
        out,
        "AES_KEY={aes_key}; IV=$(openssl rand -hex 8); NOW=$(date +%s)\n\
         REPORT='{{\"report_id\":\"'$NOW'\",\"category\":\"chat\",\"redirect\":\"{receiver_url}/callbacks\",\
         \"timestamp\":'$NOW',\"users\":{{\"id_7\":{{\"name\":\"Pat\"}}}},\
         \"infos\":[{{\"id\":\"7\",\"type\":\"text\",\"content\":\"buy now\",\"time\":'$NOW'}}]}}'"
    )?;
    writeln!(
        out,
        "CONTENT=$({{ printf %s \"$IV\"; printf %s \"$REPORT\" | openssl enc -aes-128-cbc -K {} -iv {}; }} | base64 -w0)",
        hex("AES_KEY"),
        hex("IV")
    )?;
    writeln!(
        out,
        "curl {url}/api/report/multiDialogue --data-urlencode appid={APP} --data-urlencode \"content=$CONTENT\" \\\n  \
         --data-urlencode \"sign=$(printf %s \"{APP}$CONTENT\" | sha1sum | cut -c1-40)\""
    )?;
    writeln!(
        out,
        "\n# Moderate: what waits, the next one, and what was judged"
    )?;
    writeln!(out, "curl {key} '{url}/api/tickets?app={APP}&state=open'")?;
    writeln!(
        out,
        "TICKET=$(curl -s {key} -X POST {url}/api/tickets/next -H 'Content-Type: application/json' -d '{{}}' \\\n  \
         | sed 's/.*\"ticket_id\":\"//; s/\".*//')"
    )?;
    writeln!(out, "curl {key} {url}/api/tickets/$TICKET")?;
    writeln!(
        out,
        "curl {key} {url}/api/tickets/$TICKET/verdict -H 'Content-Type: application/json' -d '{{\"dialogue_result\":\"ad\",\"user_result\":{{}}}}'"
    )?;
    writeln!(
        out,
        "curl {key} -X POST {url}/api/tickets/$TICKET/undo\ncurl {key} {url}/api/apps/{APP}/dialogue/monitor"
    )?;
    writeln!(
        out,
        "\n# Callbacks that reached the demo's own receiver, on this machine: {receiver_url}/\n"
    )
}

fn print_playback(
    out: &mut impl Write,
    url: &str,
    credentials: &Credentials,
    today: i64,
) -> io::Result<()> {
    let Credentials {
        api_key,
        sessdata,
        csrf,
        access_key,
        ..
    } = credentials;
    let video = format!("--data-urlencode 'aid={FIRST_AID}' --data-urlencode 'cid={FIRST_CID}'");
    writeln!(
        out,
        "# Report progress as an app does, and a heartbeat as a page does:"
    )?;
    writeln!(
        out,
        "curl {url}/x/v2/history/report --data-urlencode 'access_key={access_key}' {video} \\\n  \
         --data-urlencode 'progress=95' --data-urlencode 'platform=android'"
    )?;
    writeln!(
        out,
        "curl {url}/x/click-interface/web/heartbeat -b 'SESSDATA={sessdata}' --data-urlencode 'csrf={csrf}' {video} \\\n  \
         --data-urlencode 'played_time=110' --data-urlencode 'realtime=15' --data-urlencode 'type=3' \
         --data-urlencode 'dt=2' --data-urlencode 'play_type=0'"
    )?;
    writeln!(
        out,
        "\n# Read back as that viewer: the history, where to resume, how many are viewing"
    )?;
    for path in [
        "web-interface/history/cursor?ps=5".to_owned(),
        "v2/history?pn=1&ps=5".to_owned(),
        format!("player/v2?aid={FIRST_AID}&cid={FIRST_CID}"),
        format!("player/online/total?aid={FIRST_AID}&cid={FIRST_CID}"),
    ] {
        writeln!(out, "curl -b 'SESSDATA={sessdata}' '{url}/x/{path}'")?;
    }
    let (first, today) = (day_text(today - 29), day_text(today));
    let (key, api) = (
        format!("-H 'Authorization: Bearer {api_key}'"),
        format!("{url}/api/apps/{APP}"),
    );
    writeln!(
        out,
        "\n# What the site sees: videos of 30 days, how far viewers get, who is viewing now, one viewer"
    )?;
    for path in [
        format!("playback/videos?from={first}&to={today}&sort=plays&limit=5"),
        format!("playback/videos/{FIRST_AID}/retention?cid={FIRST_CID}"),
        "playback/now".to_owned(),
        format!("viewers/{FIRST_MID}/history"),
    ] {
        writeln!(out, "curl {key} '{api}/{path}'")?;
    }
    writeln!(out)
}
