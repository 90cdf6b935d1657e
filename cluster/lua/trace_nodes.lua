-- ARGV: nodes JSON, entries of this kind to keep. They have a bound of their own, so that they never push out the jobs.
redis.call('LPUSH', 'trace:nodes', redis.call('XADD', 'trace', 'MAXLEN', '~', 20000, '*', 'kind', 'nodes', 'nodes', ARGV[1]))
while redis.call('LLEN', 'trace:nodes') > tonumber(ARGV[2]) do
  redis.call('XDEL', 'trace', redis.call('RPOP', 'trace:nodes'))
end
