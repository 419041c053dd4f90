BEGIN TRANSACTION;
CREATE TABLE candidates (
	id INTEGER NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	number INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	label TEXT NOT NULL, 
	vector JSON, 
	recipe JSON NOT NULL, 
	recipe_digest VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason TEXT, 
	fitness DOUBLE, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_candidates PRIMARY KEY (id), 
	CONSTRAINT fk_candidates_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id), 
	CONSTRAINT uq_candidates_experiment_id_number UNIQUE (experiment_id, number)
);
INSERT INTO "candidates" VALUES(1,'defk2grr',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 22:35:37.080987');
INSERT INTO "candidates" VALUES(2,'defk2grr',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 22:35:37.142129');
INSERT INTO "candidates" VALUES(3,'defk2grr',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 22:35:37.162183');
INSERT INTO "candidates" VALUES(4,'defk2grr',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 22:35:37.184722');
INSERT INTO "candidates" VALUES(5,'defk2grr',4,'search','','[0.0, 1.5]','{"method": "linear", "models": ["a", "b"], "weights": [0.0, 1.5]}','0000000000000000000000000000000000000000000000000000000000000004','scored',NULL,0.5,'2026-11-01 22:35:37.233384');
INSERT INTO "candidates" VALUES(6,'z9hugt6x',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 22:35:37.353626');
INSERT INTO "candidates" VALUES(7,'z9hugt6x',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 22:35:37.388797');
INSERT INTO "candidates" VALUES(8,'z9hugt6x',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 22:35:37.439176');
INSERT INTO "candidates" VALUES(9,'z9hugt6x',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 22:35:37.466694');
INSERT INTO "candidates" VALUES(10,'u44wui2q',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 22:35:37.565607');
INSERT INTO "candidates" VALUES(11,'u44wui2q',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 22:35:37.604991');
INSERT INTO "candidates" VALUES(12,'u44wui2q',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 22:35:37.635741');
INSERT INTO "candidates" VALUES(13,'u44wui2q',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 22:35:37.665238');
INSERT INTO "candidates" VALUES(14,'u44wui2q',4,'search','','[0.0, 1.5]','{"method": "linear", "models": ["a", "b"], "weights": [0.0, 1.5]}','0000000000000000000000000000000000000000000000000000000000000004','asked',NULL,NULL,'2026-11-01 22:35:37.713475');
CREATE TABLE evaluations (
	id INTEGER NOT NULL, 
	candidate_id INTEGER NOT NULL, 
	split VARCHAR(16) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempt INTEGER NOT NULL, 
	worker TEXT, 
	started_at DATETIME, 
	finished_at DATETIME, 
	timings_s JSON NOT NULL, 
	prompt_tokens BIGINT NOT NULL, 
	generated_tokens BIGINT NOT NULL, 
	fitness DOUBLE, 
	summary JSON NOT NULL, 
	reason TEXT, 
	CONSTRAINT pk_evaluations PRIMARY KEY (id), 
	CONSTRAINT fk_evaluations_candidate_id FOREIGN KEY(candidate_id) REFERENCES candidates (id), 
	CONSTRAINT uq_evaluations_candidate_id_split UNIQUE (candidate_id, split)
);
INSERT INTO "evaluations" VALUES(1,1,'search','done',1,'worker-1','2026-11-01 22:35:37.105032','2026-11-01 22:35:37.128706','{"apply": 0.25, "score": 1.5}',40,4,3.92857142857142793701e-01,'{"choice": {"items": 2, "score": 0.42857142857142855, "reference_logprob": null}, "words": {"items": 2, "score": 0.3571428571428571, "reference_logprob": -1.5}}',NULL);
INSERT INTO "evaluations" VALUES(2,2,'search','done',1,'worker-1','2026-11-01 22:35:37.150870','2026-11-01 22:35:37.157477','{"apply": 0.25, "score": 1.5}',40,4,3.57142857142857150787e-01,'{"choice": {"items": 2, "score": 0.6428571428571428, "reference_logprob": null}, "words": {"items": 2, "score": 0.07142857142857142, "reference_logprob": -1.5}}',NULL);
INSERT INTO "evaluations" VALUES(3,3,'search','infeasible',0,NULL,NULL,'2026-11-01 22:35:37.172685','{}',0,0,NULL,'{}','NaN in the weights');
INSERT INTO "evaluations" VALUES(4,4,'search','done',2,'worker-1','2026-11-01 22:35:37.213649','2026-11-01 22:35:37.224208','{"apply": 0.25, "score": 1.5}',40,4,2.85714285714285698425e-01,'{"choice": {"items": 2, "score": 0.07142857142857142, "reference_logprob": null}, "words": {"items": 2, "score": 0.5, "reference_logprob": -1.5}}',NULL);
INSERT INTO "evaluations" VALUES(5,5,'search','done',1,'worker-1','2026-11-01 22:35:37.241731','2026-11-01 22:35:37.253637','{"apply": 0.25, "score": 1.5}',40,4,0.5,'{"choice": {"items": 2, "score": 0.7857142857142857, "reference_logprob": null}, "words": {"items": 2, "score": 0.21428571428571427, "reference_logprob": -1.5}}',NULL);
INSERT INTO "evaluations" VALUES(6,4,'selection','done',1,'worker-1','2026-11-01 22:35:37.263847','2026-11-01 22:35:37.277586','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL);
INSERT INTO "evaluations" VALUES(7,4,'test','done',1,'worker-1','2026-11-01 22:35:37.289996','2026-11-01 22:35:37.299367','{"apply": 0.25, "score": 1.5}',30,3,2.38095238095238054265e-01,'{"choice": {"items": 2, "score": 0.07142857142857142, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL);
INSERT INTO "evaluations" VALUES(8,6,'search','done',1,'worker-1','2026-11-01 22:35:37.362877','2026-11-01 22:35:37.377793','{"apply": 0.25, "score": 1.5}',40,4,3.92857142857142793701e-01,'{"choice": {"items": 2, "score": 0.42857142857142855, "reference_logprob": null}, "words": {"items": 2, "score": 0.3571428571428571, "reference_logprob": -1.5}}',NULL);
INSERT INTO "evaluations" VALUES(9,7,'search','done',1,'worker-1','2026-11-01 22:35:37.406581','2026-11-01 22:35:37.422060','{"apply": 0.25, "score": 1.5}',40,4,3.57142857142857150787e-01,'{"choice": {"items": 2, "score": 0.6428571428571428, "reference_logprob": null}, "words": {"items": 2, "score": 0.07142857142857142, "reference_logprob": -1.5}}',NULL);
INSERT INTO "evaluations" VALUES(10,8,'search','infeasible',0,NULL,NULL,'2026-11-01 22:35:37.457905','{}',0,0,NULL,'{}','NaN in the weights');
INSERT INTO "evaluations" VALUES(11,9,'search','done',2,'worker-1','2026-11-01 22:35:37.509820','2026-11-01 22:35:37.517262','{"apply": 0.25, "score": 1.5}',40,4,2.85714285714285698425e-01,'{"choice": {"items": 2, "score": 0.07142857142857142, "reference_logprob": null}, "words": {"items": 2, "score": 0.5, "reference_logprob": -1.5}}',NULL);
INSERT INTO "evaluations" VALUES(12,10,'search','done',1,'worker-1','2026-11-01 22:35:37.576651','2026-11-01 22:35:37.589646','{"apply": 0.25, "score": 1.5}',40,4,3.92857142857142793701e-01,'{"choice": {"items": 2, "score": 0.42857142857142855, "reference_logprob": null}, "words": {"items": 2, "score": 0.3571428571428571, "reference_logprob": -1.5}}',NULL);
INSERT INTO "evaluations" VALUES(13,11,'search','done',1,'worker-1','2026-11-01 22:35:37.613837','2026-11-01 22:35:37.622421','{"apply": 0.25, "score": 1.5}',40,4,3.57142857142857150787e-01,'{"choice": {"items": 2, "score": 0.6428571428571428, "reference_logprob": null}, "words": {"items": 2, "score": 0.07142857142857142, "reference_logprob": -1.5}}',NULL);
INSERT INTO "evaluations" VALUES(14,12,'search','infeasible',0,NULL,NULL,'2026-11-01 22:35:37.657997','{}',0,0,NULL,'{}','NaN in the weights');
INSERT INTO "evaluations" VALUES(15,13,'search','done',2,'worker-1','2026-11-01 22:35:37.691359','2026-11-01 22:35:37.705992','{"apply": 0.25, "score": 1.5}',40,4,2.85714285714285698425e-01,'{"choice": {"items": 2, "score": 0.07142857142857142, "reference_logprob": null}, "words": {"items": 2, "score": 0.5, "reference_logprob": -1.5}}',NULL);
INSERT INTO "evaluations" VALUES(16,14,'search','running',1,'worker-1','2026-11-01 22:35:37.718631',NULL,'{}',0,0,NULL,'{}',NULL);
CREATE TABLE events (
	id INTEGER NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	seq INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	payload JSON NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (id), 
	CONSTRAINT fk_events_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id), 
	CONSTRAINT uq_events_experiment_id_seq UNIQUE (experiment_id, seq)
);
INSERT INTO "events" VALUES(1,'defk2grr',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 22:35:37.056644');
INSERT INTO "events" VALUES(2,'defk2grr',2,'state','{"from": "created", "to": "running", "driver": "node-1:21680", "error": null}','2026-11-01 22:35:37.066940');
INSERT INTO "events" VALUES(3,'defk2grr',3,'ask','{"candidate_id": 1, "number": 0, "kind": "baseline"}','2026-11-01 22:35:37.080987');
INSERT INTO "events" VALUES(4,'defk2grr',4,'start','{"candidate_id": 1, "number": 0, "split": "search", "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:37.105032');
INSERT INTO "events" VALUES(5,'defk2grr',5,'tell','{"candidate_id": 1, "number": 0, "split": "search", "fitness": 0.3928571428571428}','2026-11-01 22:35:37.128706');
INSERT INTO "events" VALUES(6,'defk2grr',6,'ask','{"candidate_id": 2, "number": 1, "kind": "baseline"}','2026-11-01 22:35:37.142129');
INSERT INTO "events" VALUES(7,'defk2grr',7,'start','{"candidate_id": 2, "number": 1, "split": "search", "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:37.150870');
INSERT INTO "events" VALUES(8,'defk2grr',8,'tell','{"candidate_id": 2, "number": 1, "split": "search", "fitness": 0.35714285714285715}','2026-11-01 22:35:37.157477');
INSERT INTO "events" VALUES(9,'defk2grr',9,'ask','{"candidate_id": 3, "number": 2, "kind": "search"}','2026-11-01 22:35:37.162183');
INSERT INTO "events" VALUES(10,'defk2grr',10,'infeasible','{"candidate_id": 3, "number": 2, "split": "search", "reason": "NaN in the weights"}','2026-11-01 22:35:37.172685');
INSERT INTO "events" VALUES(11,'defk2grr',11,'ask','{"candidate_id": 4, "number": 3, "kind": "search"}','2026-11-01 22:35:37.184722');
INSERT INTO "events" VALUES(12,'defk2grr',12,'start','{"candidate_id": 4, "number": 3, "split": "search", "attempt": 1, "worker": "worker-0"}','2026-11-01 22:35:37.188046');
INSERT INTO "events" VALUES(13,'defk2grr',13,'lost','{"candidate_id": 4, "number": 3, "split": "search", "attempt": 1, "reason": "the node is gone"}','2026-11-01 22:35:37.202050');
INSERT INTO "events" VALUES(14,'defk2grr',14,'start','{"candidate_id": 4, "number": 3, "split": "search", "attempt": 2, "worker": "worker-1"}','2026-11-01 22:35:37.213649');
INSERT INTO "events" VALUES(15,'defk2grr',15,'tell','{"candidate_id": 4, "number": 3, "split": "search", "fitness": 0.2857142857142857}','2026-11-01 22:35:37.224208');
INSERT INTO "events" VALUES(16,'defk2grr',16,'ask','{"candidate_id": 5, "number": 4, "kind": "search"}','2026-11-01 22:35:37.233384');
INSERT INTO "events" VALUES(17,'defk2grr',17,'start','{"candidate_id": 5, "number": 4, "split": "search", "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:37.241731');
INSERT INTO "events" VALUES(18,'defk2grr',18,'tell','{"candidate_id": 5, "number": 4, "split": "search", "fitness": 0.5}','2026-11-01 22:35:37.253637');
INSERT INTO "events" VALUES(19,'defk2grr',19,'start','{"candidate_id": 4, "number": 3, "split": "selection", "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:37.263847');
INSERT INTO "events" VALUES(20,'defk2grr',20,'measure','{"candidate_id": 4, "number": 3, "split": "selection", "fitness": 0.3571428571428571}','2026-11-01 22:35:37.277586');
INSERT INTO "events" VALUES(21,'defk2grr',21,'start','{"candidate_id": 4, "number": 3, "split": "test", "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:37.289996');
INSERT INTO "events" VALUES(22,'defk2grr',22,'measure','{"candidate_id": 4, "number": 3, "split": "test", "fitness": 0.23809523809523805}','2026-11-01 22:35:37.299367');
INSERT INTO "events" VALUES(23,'defk2grr',23,'decision','{"decision": "winner", "data": {"number": 3, "reason": "better than the center"}}','2026-11-01 22:35:37.308166');
INSERT INTO "events" VALUES(24,'defk2grr',24,'state','{"from": "running", "to": "finished", "driver": "node-1:21680", "error": null}','2026-11-01 22:35:37.321587');
INSERT INTO "events" VALUES(25,'z9hugt6x',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 22:35:37.335967');
INSERT INTO "events" VALUES(26,'z9hugt6x',2,'state','{"from": "created", "to": "running", "driver": "node-1:21680", "error": null}','2026-11-01 22:35:37.339564');
INSERT INTO "events" VALUES(27,'z9hugt6x',3,'ask','{"candidate_id": 6, "number": 0, "kind": "baseline"}','2026-11-01 22:35:37.353626');
INSERT INTO "events" VALUES(28,'z9hugt6x',4,'start','{"candidate_id": 6, "number": 0, "split": "search", "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:37.362877');
INSERT INTO "events" VALUES(29,'z9hugt6x',5,'tell','{"candidate_id": 6, "number": 0, "split": "search", "fitness": 0.3928571428571428}','2026-11-01 22:35:37.377793');
INSERT INTO "events" VALUES(30,'z9hugt6x',6,'ask','{"candidate_id": 7, "number": 1, "kind": "baseline"}','2026-11-01 22:35:37.388797');
INSERT INTO "events" VALUES(31,'z9hugt6x',7,'start','{"candidate_id": 7, "number": 1, "split": "search", "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:37.406581');
INSERT INTO "events" VALUES(32,'z9hugt6x',8,'tell','{"candidate_id": 7, "number": 1, "split": "search", "fitness": 0.35714285714285715}','2026-11-01 22:35:37.422060');
INSERT INTO "events" VALUES(33,'z9hugt6x',9,'ask','{"candidate_id": 8, "number": 2, "kind": "search"}','2026-11-01 22:35:37.439176');
INSERT INTO "events" VALUES(34,'z9hugt6x',10,'infeasible','{"candidate_id": 8, "number": 2, "split": "search", "reason": "NaN in the weights"}','2026-11-01 22:35:37.457905');
INSERT INTO "events" VALUES(35,'z9hugt6x',11,'ask','{"candidate_id": 9, "number": 3, "kind": "search"}','2026-11-01 22:35:37.466694');
INSERT INTO "events" VALUES(36,'z9hugt6x',12,'start','{"candidate_id": 9, "number": 3, "split": "search", "attempt": 1, "worker": "worker-0"}','2026-11-01 22:35:37.481774');
INSERT INTO "events" VALUES(37,'z9hugt6x',13,'lost','{"candidate_id": 9, "number": 3, "split": "search", "attempt": 1, "reason": "the node is gone"}','2026-11-01 22:35:37.494421');
INSERT INTO "events" VALUES(38,'z9hugt6x',14,'start','{"candidate_id": 9, "number": 3, "split": "search", "attempt": 2, "worker": "worker-1"}','2026-11-01 22:35:37.509820');
INSERT INTO "events" VALUES(39,'z9hugt6x',15,'tell','{"candidate_id": 9, "number": 3, "split": "search", "fitness": 0.2857142857142857}','2026-11-01 22:35:37.517262');
INSERT INTO "events" VALUES(40,'z9hugt6x',16,'state','{"from": "running", "to": "interrupted", "driver": "node-1:21680", "error": null}','2026-11-01 22:35:37.533379');
INSERT INTO "events" VALUES(41,'u44wui2q',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 22:35:37.543159');
INSERT INTO "events" VALUES(42,'u44wui2q',2,'state','{"from": "created", "to": "running", "driver": "node-1:21680", "error": null}','2026-11-01 22:35:37.553546');
INSERT INTO "events" VALUES(43,'u44wui2q',3,'ask','{"candidate_id": 10, "number": 0, "kind": "baseline"}','2026-11-01 22:35:37.565607');
INSERT INTO "events" VALUES(44,'u44wui2q',4,'start','{"candidate_id": 10, "number": 0, "split": "search", "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:37.576651');
INSERT INTO "events" VALUES(45,'u44wui2q',5,'tell','{"candidate_id": 10, "number": 0, "split": "search", "fitness": 0.3928571428571428}','2026-11-01 22:35:37.589646');
INSERT INTO "events" VALUES(46,'u44wui2q',6,'ask','{"candidate_id": 11, "number": 1, "kind": "baseline"}','2026-11-01 22:35:37.604991');
INSERT INTO "events" VALUES(47,'u44wui2q',7,'start','{"candidate_id": 11, "number": 1, "split": "search", "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:37.613837');
INSERT INTO "events" VALUES(48,'u44wui2q',8,'tell','{"candidate_id": 11, "number": 1, "split": "search", "fitness": 0.35714285714285715}','2026-11-01 22:35:37.622421');
INSERT INTO "events" VALUES(49,'u44wui2q',9,'ask','{"candidate_id": 12, "number": 2, "kind": "search"}','2026-11-01 22:35:37.635741');
INSERT INTO "events" VALUES(50,'u44wui2q',10,'infeasible','{"candidate_id": 12, "number": 2, "split": "search", "reason": "NaN in the weights"}','2026-11-01 22:35:37.657997');
INSERT INTO "events" VALUES(51,'u44wui2q',11,'ask','{"candidate_id": 13, "number": 3, "kind": "search"}','2026-11-01 22:35:37.665238');
INSERT INTO "events" VALUES(52,'u44wui2q',12,'start','{"candidate_id": 13, "number": 3, "split": "search", "attempt": 1, "worker": "worker-0"}','2026-11-01 22:35:37.677703');
INSERT INTO "events" VALUES(53,'u44wui2q',13,'lost','{"candidate_id": 13, "number": 3, "split": "search", "attempt": 1, "reason": "the node is gone"}','2026-11-01 22:35:37.683267');
INSERT INTO "events" VALUES(54,'u44wui2q',14,'start','{"candidate_id": 13, "number": 3, "split": "search", "attempt": 2, "worker": "worker-1"}','2026-11-01 22:35:37.691359');
INSERT INTO "events" VALUES(55,'u44wui2q',15,'tell','{"candidate_id": 13, "number": 3, "split": "search", "fitness": 0.2857142857142857}','2026-11-01 22:35:37.705992');
INSERT INTO "events" VALUES(56,'u44wui2q',16,'ask','{"candidate_id": 14, "number": 4, "kind": "search"}','2026-11-01 22:35:37.713475');
INSERT INTO "events" VALUES(57,'u44wui2q',17,'start','{"candidate_id": 14, "number": 4, "split": "search", "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:37.718631');
CREATE TABLE evomerge_schema_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT evomerge_schema_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "evomerge_schema_version" VALUES('0001');
CREATE TABLE experiments (
	id VARCHAR(8) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	spec JSON NOT NULL, 
	source_dir TEXT NOT NULL, 
	resolved JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	seconds_spent DOUBLE NOT NULL, 
	error TEXT, 
	driver JSON, 
	CONSTRAINT pk_experiments PRIMARY KEY (id)
);
INSERT INTO "experiments" VALUES('defk2grr','finished','finished','{"name": "finished", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 22:35:37.029123','2026-11-01 22:35:37.321587',12.5,NULL,NULL);
INSERT INTO "experiments" VALUES('z9hugt6x','interrupted','interrupted','{"name": "interrupted", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 22:35:37.335213','2026-11-01 22:35:37.533379',12.5,NULL,NULL);
INSERT INTO "experiments" VALUES('u44wui2q','killed','running','{"name": "killed", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 22:35:37.542463','2026-11-01 22:35:37.722713',12.5,NULL,'{"host": "node-1", "pid": 21680, "process_started": 1795732535.49, "heartbeat": "2026-11-01T22:35:37.722892+00:00", "token": "81efcd04d455e70aa68fea112a5d2a81"}');
CREATE TABLE item_scores (
	evaluation_id INTEGER NOT NULL, 
	task VARCHAR(255) NOT NULL, 
	item VARCHAR(64) NOT NULL, 
	score DOUBLE NOT NULL, 
	reference_logprob DOUBLE, 
	output TEXT, 
	CONSTRAINT pk_item_scores PRIMARY KEY (evaluation_id, task, item), 
	CONSTRAINT fk_item_scores_evaluation_id FOREIGN KEY(evaluation_id) REFERENCES evaluations (id)
);
INSERT INTO "item_scores" VALUES(1,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(1,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(1,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(1,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(2,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(2,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(2,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(2,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(4,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(4,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(4,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(4,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(5,'choice','0000000000000000',8.57142857142857095276e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(5,'words','0000000000000001',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(5,'choice','0000000000000002',7.14285714285714301574e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(5,'words','0000000000000003',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(6,'choice','1000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(6,'words','1000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(7,'choice','2000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(7,'words','2000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(7,'choice','2000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(8,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(8,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(8,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(8,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(9,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(9,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(9,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(9,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(11,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(11,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(11,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(11,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(12,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(12,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(12,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(12,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(13,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(13,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(13,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(13,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(15,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(15,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(15,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(15,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
CREATE INDEX ix_experiments_created_at_id ON experiments (created_at, id);
CREATE INDEX ix_experiments_name ON experiments (name);
CREATE INDEX ix_candidates_experiment_id_recipe_digest ON candidates (experiment_id, recipe_digest);
CREATE INDEX ix_candidates_experiment_id_state_fitness ON candidates (experiment_id, state, fitness);
COMMIT;
