-- Every writer notifies, also where the queue has hardly any room.
return {
  scenarios = { "queue_full" },
  rule = "a writer does not notify where the queue is half full",
  changes = { {
    file = "src/forgelog/sql/words/bell_is_due.sql",
    find = "AND pg_notification_queue_usage() < 0.5",
    put = "",
  } },
  says = "too many notifications",
}
