"""Prints a token of push reports for the app of the fuzz: appkey and master secret stand in the environment."""

import hashlib
import json
import os
import time
import urllib.request

appkey = os.environ["REPORTD_APPKEY"]
timestamp = str(int(time.time() * 1000))
signed = appkey + timestamp + os.environ["REPORTD_MASTER_SECRET"]
sign = hashlib.sha256(signed.encode()).hexdigest()
body = json.dumps({"appkey": appkey, "timestamp": timestamp, "sign": sign}).encode()
with urllib.request.urlopen(os.environ["REPORTD_URL"] + "/v2/bots/auth", body) as reply:
    print(json.load(reply)["data"]["token"])
