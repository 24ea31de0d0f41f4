"""The tables of a gammu-smsd as its manual describes them (schema 17), and what the daemon does in them."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    func,
    select,
)


class Smsd:
    """The database of one modem, and the daemon's hands in it."""

    def __init__(self, url):
        self.engine: Engine = create_engine(url)
        flag = Boolean if self.engine.dialect.name == "postgresql" else String
        self.yes, self.no = (True, False) if flag is Boolean else ("true", "false")
        meta = MetaData()
        now = {"nullable": False, "server_default": func.now()}
        coded = (
            lambda: Column("Coding", String(255), nullable=False, server_default="Default_No_Compression"),
            lambda: Column("Class", Integer, nullable=False, server_default="-1"),
        )
        self.inbox = Table(
            "inbox",
            meta,
            Column("ID", Integer, primary_key=True),
            Column("ReceivingDateTime", DateTime, **now),
            Column("Text", Text, nullable=False),
            Column("SenderNumber", String(20), nullable=False),
            *(one() for one in coded),
            Column("UDH", Text, nullable=False),
            Column("TextDecoded", Text, nullable=False),
            Column("RecipientID", Text, nullable=False),
            Column("Processed", flag, nullable=False, server_default=str(self.no).lower()),
        )
        self.outbox = Table(
            "outbox",
            meta,
            Column("ID", Integer, primary_key=True),
            Column("SendingDateTime", DateTime, **now),
            Column("DestinationNumber", String(20), nullable=False),
            *(one() for one in coded),
            Column("UDH", Text),
            Column("TextDecoded", Text, nullable=False),
            Column("MultiPart", flag, nullable=False, server_default=str(self.no).lower()),
            Column("DeliveryReport", String(10), server_default="default"),
            Column("CreatorID", Text, nullable=False),
            sqlite_autoincrement=True,
        )
        self.multipart = Table(
            "outbox_multipart",
            meta,
            Column("ID", Integer, primary_key=True, autoincrement=False),
            Column("SequencePosition", Integer, primary_key=True, autoincrement=False),
            *(one() for one in coded),
            Column("UDH", Text),
            Column("TextDecoded", Text),
        )
        self.sentitems = Table(
            "sentitems",
            meta,
            Column("ID", Integer, primary_key=True, autoincrement=False),
            Column("SequencePosition", Integer, primary_key=True, autoincrement=False),
            Column("DestinationNumber", String(20), nullable=False),
            Column("UDH", Text, nullable=False),
            Column("TextDecoded", Text, nullable=False),
            Column("Status", String(255), nullable=False),
            Column("CreatorID", Text, nullable=False),
        )
        meta.create_all(self.engine)

    def rows(self, table):
        with self.engine.begin() as conn:
            return conn.execute(select(table).order_by(*table.primary_key.columns)).all()

    def parts(self):
        """What waits to be sent: number, header and text of each part, in order."""
        out = []
        for row in self.rows(self.outbox):
            out.append((row.DestinationNumber, row.UDH, row.TextDecoded))
            more = [one for one in self.rows(self.multipart) if one.ID == row.ID]
            assert (row.MultiPart == self.yes) == bool(more)
            out += [(row.DestinationNumber, one.UDH, one.TextDecoded) for one in more]
        return out

    def sends(self, *statuses):
        """The daemon sends the oldest text; the status of each part, the last one's for all that follow."""
        row = self.rows(self.outbox)[0]
        more = [(one.UDH, one.TextDecoded) for one in self.rows(self.multipart) if one.ID == row.ID]
        with self.engine.begin() as conn:
            for at, (udh, text) in enumerate([(row.UDH, row.TextDecoded), *more]):
                its = {"UDH": udh or "", "TextDecoded": text, "Status": statuses[min(at, len(statuses) - 1)]}
                its |= {"DestinationNumber": row.DestinationNumber, "CreatorID": row.CreatorID}
                conn.execute(self.sentitems.insert().values(ID=row.ID, SequencePosition=at + 1, **its))
            conn.execute(self.multipart.delete().where(self.multipart.c.ID == row.ID))
            conn.execute(self.outbox.delete().where(self.outbox.c.ID == row.ID))

    def reports(self, status, **which):
        """The network has reported of what was sent."""
        its = self.sentitems.update()
        for name, value in which.items():
            its = its.where(self.sentitems.c[name] == value)
        with self.engine.begin() as conn:
            conn.execute(its.values(Status=status))

    def arrives(self, sender, text, *, udh="", sms_class=-1):
        """A text, or a part of one, has come in."""
        row = {"SenderNumber": sender, "TextDecoded": text, "UDH": udh, "Class": sms_class}
        with self.engine.begin() as conn:
            conn.execute(self.inbox.insert().values(Text="", RecipientID="", **row))
