"""Case logs of other systems (CSV, XES) as history: what happened there, not decided again."""
