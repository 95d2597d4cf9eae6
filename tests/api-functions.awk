# SPDX-License-Identifier: BSD-2-Clause
#
# The functions that a header marks ORIEL_API: the last word before the first
# parenthesis.
/^#/ { next }
/^ORIEL_API/ { text = ""; collecting = 1 }
collecting {
  text = text " " $0
  if (match (text, /\(/)) {
    text = substr (text, 1, RSTART - 1)
    sub (/[ \t]+$/, "", text)
    sub (/.*[ \t*]/, "", text)
    print text
    collecting = 0
  }
}
