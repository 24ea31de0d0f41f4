"""The dashboards, one file a subject: ``SUBJECT`` says what it is, ``build`` makes it of a city."""
