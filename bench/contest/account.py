"""The one official account that every contestant serves. Made up for this; no real account has these secrets."""

TOKEN = "benchToken"
ENCODING_AES_KEY = "benchKeyForLoopbackOnlyNeverARealAccount000"
APP_ID = "wx0000bench0000000"
ORIGINAL_ID = "gh_000000bench00"
