-- ARGV: job. Returns the state it was in; '' if there is no such job. Counts of lost attempts begin anew.
local id = ARGV[1]
local key = 'job:' .. id
local old = redis.call('HMGET', key, 'state', 'batch')
local state = old[1]
if not state then return '' end
if state == 'failed' or state == 'quarantined' or state == 'cancelled' then
  redis.call('LREM', 'batch:' .. old[2] .. ':finished', 1, id)
  redis.call('HSET', key, 'lost', 0, 'error', '', 'result', '', 'finished_at', '', 'started_at', '', 'avoid', '')
  requeue(id, 'retried', '')
end
return state
